import { readEnv, text } from '#kit/config/environment';
import { mysqlFields, serviceFields } from '#kit/config/fields';
import { optionalDatabaseUrl } from '#kit/config/urls';
import { trimIdempotencyKeys } from '#kit/http/idempotency';
import { relayOutbox } from '#kit/messaging/outbox-relay';
import { openServiceDatabase } from '#kit/mysql/service-database';
import { serveService, startService } from '#kit/service';
import { payments } from '.';
import { paymentsGrpc } from './grpc';
import { mockProvider } from './mock-provider';
import { watchOverdue } from './overdue';
import { paymentsPortability } from './portability';
import { subscribe } from './subscriptions';

const env = readEnv({
  ...serviceFields(5700),
  ...mysqlFields,
  PAYMENTS_DB_NAME: text('rookery_payments'),
  PAYMENTS_DATABASE_URL: optionalDatabaseUrl(),
});

const { runtime, rabbit, tokens } = await startService('payments', env);
const database = await openServiceDatabase(runtime, env, {
  name: env.PAYMENTS_DB_NAME,
  url: env.PAYMENTS_DATABASE_URL,
  migrations: `${import.meta.dir}/migrations`,
});
const deps = { runtime, database, tokens, outbox: relayOutbox(runtime, database, { rabbit }) };
trimIdempotencyKeys(runtime, database);
watchOverdue(deps);
subscribe(deps, rabbit);
await serveService(runtime, env, {
  app: payments(deps),
  grpc: [paymentsGrpc(deps), mockProvider(deps), paymentsPortability(deps)],
});
