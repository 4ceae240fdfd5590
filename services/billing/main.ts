import { AccountsServiceDefinition } from '#contracts/gen/accounts/v1/accounts';
import { readEnv, text } from '#kit/config/environment';
import { mysqlFields, serviceFields } from '#kit/config/fields';
import { optionalDatabaseUrl } from '#kit/config/urls';
import { trimIdempotencyKeys } from '#kit/http/idempotency';
import { relayOutbox } from '#kit/messaging/outbox-relay';
import { openServiceDatabase } from '#kit/mysql/service-database';
import { serveService, startService } from '#kit/service';
import { billing } from '.';
import { keepCompletingPayments } from './interrupted';
import { billingPortability } from './portability';
import { subscribe } from './subscriptions';

const env = readEnv({
  ...serviceFields(6300),
  ...mysqlFields,
  BILLING_DB_NAME: text('rookery_billing'),
  BILLING_DATABASE_URL: optionalDatabaseUrl(),
});

const { runtime, rabbit, tokens, grpcClient } = await startService('billing', env);
const database = await openServiceDatabase(runtime, env, {
  name: env.BILLING_DB_NAME,
  url: env.BILLING_DATABASE_URL,
  migrations: `${import.meta.dir}/migrations`,
});
const deps = {
  runtime,
  database,
  tokens,
  outbox: relayOutbox(runtime, database, { rabbit }),
  accounts: grpcClient('accounts', AccountsServiceDefinition),
};
trimIdempotencyKeys(runtime, database);
keepCompletingPayments(deps);
subscribe(deps, rabbit);
await serveService(runtime, env, { app: billing(deps), grpc: [billingPortability(deps)] });
