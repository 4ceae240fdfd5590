import { expect } from 'bun:test';
import { AuthServiceDefinition } from '#contracts/gen/auth/v1/auth';
import { createPasswords } from '#kit/auth/passwords';
import { createSealerFor } from '#kit/auth/sealing';
import { createFlags } from '#kit/flags/flags';
import { outbox as outboxTable } from '#kit/messaging/tables';
import { migrateDatabase } from '#kit/mysql/migrations';
import { users } from '../../services/users';
import { ensureRoles } from '../../services/users/bootstrap';
import type { UsersDeps } from '../../services/users/deps';
import { callerOf } from './call';
import { idsOfOneProcess } from './ids';
import { permittedClient } from './permitted-client';
import { testDatabase, testRuntime } from './servers';
import { testTokens } from './tokens';

/** A slow machine fails no test: nobody is turned away for the time that hashing takes. */
const PATIENT = { concurrent: 4, waiting: 1_000 };

export interface Member {
  readonly id: string;
  readonly username: string;
  readonly authorization: string;
}

/**
 * The users service on a database of its own, with an unavailable auth service: its guarantees must hold without it.
 * Nothing is relayed from the outbox.
 */
export async function startPeople(parts: Partial<UsersDeps> = {}) {
  const runtime = testRuntime('users');
  const storage = await testDatabase();
  const { database } = storage;
  const tokens = await testTokens();
  await migrateDatabase({
    address: storage.address,
    folder: `${import.meta.dir}/../../services/users/migrations`,
    log: runtime.log,
    signal: runtime.closing,
  });
  await ensureRoles(database);
  const flags = createFlags();
  const deps = {
    runtime,
    database,
    flags,
    outbox: { wake() {} },
    deliverDirectly: async () => undefined,
    auth: permittedClient(runtime, {
      service: 'auth',
      definition: AuthServiceDefinition,
      registry: { instances: () => [], onChange: () => () => undefined },
    }),
    notifications: {
      async listNotifications({ cursor }: { cursor?: string | undefined }) {
        const page = { settings: { like: 'mail' } };
        return cursor === undefined
          ? { ...page, notifications: [notification('2')], next_cursor: 'next page' }
          : { ...page, notifications: [notification('1')], next_cursor: undefined };
      },
    },
    passwords: createPasswords(runtime.metrics, { limits: PATIENT }),
    trustedOrigins: [],
    sealer: createSealerFor(runtime.identity, 'auth'),
    nextId: idsOfOneProcess(),
    publicUrl: 'http://rookery.test',
    tokens: tokens.verifier,
    ...parts,
  };
  const app = users(deps);
  const call = callerOf(app);

  return {
    app,
    call,
    database,
    deps,
    flags,
    tokens,
    async join(username: string): Promise<Member> {
      const { status, body } = await call('POST', '/register', {
        body: { username, email: `${username}@example.com`, password: 'a long password' },
      });
      expect(status).toBe(201);
      const id = String(body.id);
      return { id, username, authorization: await tokens.authorization({ id, username }) };
    },
    /** The outbox messages with a name, oldest first. */
    messagesNamed: async (name: string) =>
      (await database.select().from(outboxTable).orderBy(outboxTable.id)).filter((row) => row.name === name),
    async close() {
      await runtime.close();
      await storage.drop();
    },
  };
}

/** A notification as the notifications service returns it. */
const notification = (id: string) => ({
  id,
  type: 'follow',
  text: 'someone followed you',
  object_id: id,
  unread: true,
  created_at: '2026-11-20T10:00:00.000Z',
  updated_at: '2026-11-20T10:00:00.000Z',
});
