import { AccountsServiceDefinition } from '#contracts/gen/accounts/v1/accounts';
import { readEnv, text } from '#kit/config/environment';
import { mysqlFields, serviceFields } from '#kit/config/fields';
import { paymentProvider, stripeWebhookSecrets } from '#kit/config/payment-provider';
import { optionalDatabaseUrl } from '#kit/config/urls';
import { trimIdempotencyKeys } from '#kit/http/idempotency';
import { relayOutbox } from '#kit/messaging/outbox-relay';
import { openServiceDatabase } from '#kit/mysql/service-database';
import { serveService, startService } from '#kit/service';
import { payments } from '.';
import { paymentsGrpc } from './grpc';
import { DEFAULT_METHODS } from './model';
import { watchOverdue } from './overdue';
import { paymentsPortability } from './portability';
import { subscribe } from './subscriptions';
import { trimWebhookEvents } from './webhooks/store';

const env = readEnv({
  ...serviceFields(5700),
  ...mysqlFields,
  PAYMENTS_DB_NAME: text('rookery_payments'),
  PAYMENTS_DATABASE_URL: optionalDatabaseUrl(),
  PAYMENT_PROVIDER: paymentProvider(),
  STRIPE_WEBHOOK_SECRET: stripeWebhookSecrets(),
});

const isMock = env.PAYMENT_PROVIDER === 'mock';
const { runtime, rabbit, tokens, grpcClient } = await startService('payments', env);
const database = await openServiceDatabase(runtime, env, {
  name: env.PAYMENTS_DB_NAME,
  url: env.PAYMENTS_DATABASE_URL,
  migrations: `${import.meta.dir}/migrations`,
});
const deps = {
  runtime,
  database,
  tokens,
  outbox: relayOutbox(runtime, database, { rabbit }),
  accounts: grpcClient('accounts', AccountsServiceDefinition),
  defaultMethod: DEFAULT_METHODS[env.PAYMENT_PROVIDER],
  webhookSecrets: isMock ? [] : (env.STRIPE_WEBHOOK_SECRET ?? []),
};
trimIdempotencyKeys(runtime, database);
trimWebhookEvents(runtime, database);
watchOverdue(deps);
subscribe(deps, rabbit);
await serveService(runtime, env, {
  app: payments(deps),
  grpc: [paymentsGrpc(deps), paymentsPortability(deps), ...(await mockServices())],
});

/** The mock is not even loaded where there is a real provider, which the worker calls. */
async function mockServices() {
  if (!isMock) return [];
  const { mockProvider } = await import('./mock-provider');
  return [mockProvider(deps)];
}
