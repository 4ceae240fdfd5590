import { AuthServiceDefinition } from '#contracts/gen/auth/v1/auth';
import { NotificationsServiceDefinition } from '#contracts/gen/notifications/v1/notifications';
import { TimelinesServiceDefinition } from '#contracts/gen/timelines/v1/timelines';
import { createPasswords } from '#kit/auth/passwords';
import { createSealerFor } from '#kit/auth/sealing';
import { readEnv, text } from '#kit/config/environment';
import { flagFields, mysqlFields, serviceFields } from '#kit/config/fields';
import { optionalPassword } from '#kit/config/secrets';
import { optionalDatabaseUrl, origins, publicUrl } from '#kit/config/urls';
import { openFlags } from '#kit/flags/source';
import { relayOutbox } from '#kit/messaging/outbox-relay';
import { mysqlAddress } from '#kit/mysql/address';
import { openIdGenerator } from '#kit/mysql/ids/open-id-generator';
import { openServiceDatabase } from '#kit/mysql/service-database';
import { serveService, startService } from '#kit/service';
import { users } from '.';
import { maintainEmailKeys } from './accounts/email-keys';
import { deleteExpiredPeriodically } from './addresses/service';
import { ensureAdministrator, ensureRoles } from './bootstrap';
import { createDirectDelivery } from './direct-delivery';
import { usersGrpc } from './grpc';
import { usersPortability } from './portability';
import { keepAuthorizingPending } from './relationships/unlocking';
import { publishPendingChanges } from './roles/authorizations';
import { subscribe } from './subscriptions';

const env = readEnv({
  ...serviceFields(5100),
  ...mysqlFields,
  ...flagFields,
  USERS_DB_NAME: text('microblog_users'),
  USERS_DATABASE_URL: optionalDatabaseUrl(),
  PUBLIC_URL: publicUrl('http://127.0.0.1:8080'),
  CORS_ORIGINS: origins(),
  ADMIN_USERNAME: text('admin'),
  ADMIN_EMAIL: text('admin@rookery.example'),
  ADMIN_PASSWORD: optionalPassword('the password of the first administrator, ADMIN_USERNAME'),
});

const { runtime, rabbit, tokens, grpcClient } = await startService('users', env);
const database = await openServiceDatabase(runtime, env, {
  name: env.USERS_DB_NAME,
  url: env.USERS_DATABASE_URL,
  migrations: `${import.meta.dir}/migrations`,
});
const deps = {
  runtime,
  database,
  outbox: relayOutbox(runtime, database, { rabbit }),
  deliverDirectly: createDirectDelivery(runtime, grpcClient('timelines', TimelinesServiceDefinition)),
  tokens,
  auth: grpcClient('auth', AuthServiceDefinition),
  notifications: grpcClient('notifications', NotificationsServiceDefinition),
  passwords: createPasswords(runtime.metrics),
  sealer: createSealerFor(runtime.identity, 'auth'),
  trustedOrigins: [new URL(env.PUBLIC_URL).origin, ...env.CORS_ORIGINS],
  flags: openFlags(runtime, env),
  nextId: await openIdGenerator(
    runtime,
    database,
    mysqlAddress(env, env.USERS_DB_NAME, env.USERS_DATABASE_URL),
  ),
  publicUrl: env.PUBLIC_URL,
};
await maintainEmailKeys(deps);
await ensureRoles(database);
await ensureAdministrator(deps, {
  username: env.ADMIN_USERNAME,
  email: env.ADMIN_EMAIL,
  password: env.ADMIN_PASSWORD,
});
subscribe(deps, rabbit);
publishPendingChanges(deps);
keepAuthorizingPending(deps);
deleteExpiredPeriodically(deps);
await serveService(runtime, env, { app: users(deps), grpc: [usersGrpc(deps), usersPortability(deps)] });
