import { MailServiceDefinition } from '#contracts/gen/mail/v1/mail';
import type { EventDefinition } from '#contracts/messages';
import { createSealer } from '#kit/auth/sealing';
import { createServiceTokens, createServiceTokenVerifier } from '#kit/auth/service-token';
import { developmentIdentity } from '#kit/core/identity';
import { startGrpcServer } from '#kit/grpc/server';
import { relayOutbox } from '#kit/messaging/outbox-relay';
import { openRabbit } from '#kit/messaging/rabbit/client';
import { migrateDatabase } from '#kit/mysql/migrations';
import { mail } from '../../services/mail';
import { mailGrpc } from '../../services/mail/grpc';
import { createSuppressionCounter } from '../../services/mail/suppression';
import { callerOf } from './call';
import { eventually } from './eventually';
import { openAddress } from './open-address';
import { permittedClient } from './permitted-client';
import { amqpUrl, testDatabase, testRuntime } from './servers';
import { testTokens } from './tokens';

const SECRET = 'a secret for this test';
const CLAIM_MS = 1_500;

/**
 * The mail service on a database of its own, with its gRPC on a free port. Claims of senders expire after 1.5 s.
 * `client` calls it as the worker does.
 */
export async function startMail() {
  const runtime = testRuntime('mail');
  const storage = await testDatabase();
  const { database } = storage;
  const tokens = await testTokens();
  await migrateDatabase({
    address: storage.address,
    folder: `${import.meta.dir}/../../services/mail/migrations`,
    log: runtime.log,
    signal: runtime.closing,
  });
  const rabbit = openRabbit(runtime, { urls: [amqpUrl()], required: true });
  await eventually(() => rabbit.connected);
  const verified = new Set<string>();
  const deps = {
    runtime,
    database,
    outbox: { wake() {} },
    sealer: createSealer(SECRET, 'unsubscribe'),
    publicUrl: 'http://rookery.test',
    claimMs: CLAIM_MS,
    users: {
      checkAddress: async ({ address }: { address: string }) => ({ verified: verified.has(address) }),
    },
    mailsUnverified: true,
    dailyLimits: { verification: 100, security: 100, transactional: 100, likes: 100, notifications: 100 },
    countSuppressed: createSuppressionCounter(runtime),
    tokens: tokens.verifier,
    verifyService: createServiceTokenVerifier({ audience: 'mail', identity: runtime.identity }),
    callers: ['billing'],
  };
  const registered = openAddress();
  runtime.onClose('address', registered.close);
  const { port } = await startGrpcServer(runtime, {
    answerChallenge: registered.answerChallenge,
    host: '127.0.0.1',
    port: 0,
    services: [mailGrpc(deps)],
    audience: 'mail',
  });
  const address = { host: '127.0.0.1', grpc_port: port, state: 'up' as const };
  const app = mail(deps);
  const operator = await tokens.authorization({ id: Bun.randomUUIDv7(), username: 'operator' }, [
    'mails:read',
  ]);

  return {
    app,
    call: callerOf(app),
    database,
    /** May be changed: at first mail is also sent to unverified addresses. */
    deps,
    /** The verified addresses. */
    verified,
    rabbit,
    runtime,
    tokens,
    /** Registers the gRPC port. */
    address: registered,
    grpcPort: port,
    /** The `Authorization` header of a person with `mails:read`. */
    operator,
    serviceToken: async (audience: string, caller = 'billing') =>
      `Bearer ${await createServiceTokens(developmentIdentity(caller)).tokenFor(audience)}`,
    relay: () => relayOutbox(runtime, database, { rabbit }),
    client: permittedClient(runtime, {
      service: 'mail',
      definition: MailServiceDefinition,
      registry: { instances: () => [address], onChange: () => () => undefined },
    }),
    async close() {
      await runtime.close();
      await storage.drop();
    },
  };
}

/** The same event on an exchange of its own with one consumer, so that tests are isolated from each other. */
export const isolated = <Definition extends EventDefinition>(
  event: Definition,
  name: string,
): Definition => ({
  ...event,
  exchange: name,
  consumers: [name],
});
