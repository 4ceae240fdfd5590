import { integer, readEnv, text } from '#kit/config/environment';
import { mysqlFields, serviceFields, streamFields, streamLimits } from '#kit/config/fields';
import { optionalDatabaseUrl, publicUrl } from '#kit/config/urls';
import { relayOutbox } from '#kit/messaging/outbox-relay';
import { mysqlAddress } from '#kit/mysql/address';
import { openIdGenerator } from '#kit/mysql/ids/open-id-generator';
import { openServiceDatabase } from '#kit/mysql/service-database';
import { serveService, startService } from '#kit/service';
import { notifications } from '.';
import type { NotificationsDeps } from './deps';
import { sendDigests } from './digests';
import { notificationsGrpc } from './grpc';
import { createLiveNotifications } from './live';
import { notificationsPortability } from './portability';
import { trimHourly } from './service';
import { subscribe } from './subscriptions';

const env = readEnv({
  ...serviceFields(6400),
  ...mysqlFields,
  NOTIFICATIONS_DB_NAME: text('rookery_notifications'),
  NOTIFICATIONS_DATABASE_URL: optionalDatabaseUrl(),
  NOTIFICATIONS_DIGEST_SECONDS: integer(900, { min: 1, max: 86_400 }),
  NOTIFICATIONS_KEPT_DAYS: integer(90, { min: 1, max: 3_650 }),
  ...streamFields,
  PUBLIC_URL: publicUrl('http://127.0.0.1:8080'),
});

const { runtime, rabbit, tokens } = await startService('notifications', env);
const database = await openServiceDatabase(runtime, env, {
  name: env.NOTIFICATIONS_DB_NAME,
  url: env.NOTIFICATIONS_DATABASE_URL,
  migrations: `${import.meta.dir}/migrations`,
});
const deps: NotificationsDeps = {
  runtime,
  database,
  outbox: relayOutbox(runtime, database, { rabbit }),
  nextId: await openIdGenerator(
    runtime,
    database,
    mysqlAddress(env, env.NOTIFICATIONS_DB_NAME, env.NOTIFICATIONS_DATABASE_URL),
  ),
  digestSeconds: env.NOTIFICATIONS_DIGEST_SECONDS,
  publicUrl: env.PUBLIC_URL,
  tokens,
};
const live = createLiveNotifications(deps, streamLimits(env));
trimHourly(deps, env.NOTIFICATIONS_KEPT_DAYS);
sendDigests(deps);
subscribe(deps, rabbit);
await serveService(runtime, env, {
  app: notifications(deps, live),
  grpc: [notificationsGrpc(deps, live), notificationsPortability(deps)],
  drain: live.drain,
});
