import { uuidv7 } from '#kit/core/ids';
import type { Runtime } from '#kit/core/runtime';
import { migrateDatabase } from '#kit/mysql/migrations';
import { notifications } from '../../services/notifications';
import { createLiveNotifications } from '../../services/notifications/live';
import { applyEvent, type ReplicatedEvent } from '../../services/notifications/replication';
import { callerOf } from './call';
import { idsOfOneProcess } from './ids';
import { testDatabase } from './servers';
import { testTokens } from './tokens';

export interface Member {
  readonly id: string;
  readonly username: string;
  readonly authorization: string;
}

/** The service on a database of its own. Its outbox is not relayed. */
export async function startNotifications(runtime: Runtime) {
  const storage = await testDatabase();
  const tokens = await testTokens();
  await migrateDatabase({
    address: storage.address,
    folder: `${import.meta.dir}/../../services/notifications/migrations`,
    log: runtime.log,
    signal: runtime.closing,
  });
  const deps = {
    runtime,
    database: storage.database,
    outbox: { wake() {} },
    nextId: idsOfOneProcess(),
    digestSeconds: 900,
    publicUrl: 'https://rookery.example',
    tokens: tokens.verifier,
  };
  const live = createLiveNotifications(deps, { maximum: 10, anonymous: 10, perAddress: 10, perPerson: 10 });
  const app = notifications(deps, live);

  /** Applies an event of users or timelines. */
  const publish = (name: string, data: object) =>
    applyEvent(deps, {
      id: uuidv7(),
      version: 1,
      occurred_at: new Date().toISOString(),
      trace: { request_id: 'a-request-of-the-test' },
      actor: null,
      name,
      data,
    } as ReplicatedEvent);

  return {
    storage,
    deps,
    live,
    app,
    call: callerOf(app),
    publish,
    async join(username: string): Promise<Member> {
      const id = uuidv7();
      await publish('user.created', { id, username, display_name: username, avatar_url: null, version: 1 });
      return { id, username, authorization: await tokens.authorization({ id, username }) };
    },
  };
}
