import { optionalText, readEnv, text } from '#kit/env';
import { amqpFields, mysqlFields, serviceFields, tokenFields } from '#kit/env-fields';
import { trimIdempotencyKeys } from '#kit/idempotency';
import { relayOutbox } from '#kit/outbox-relay';
import { openOwnDatabase } from '#kit/own-database';
import { startProcess } from '#kit/process';
import { openRabbit } from '#kit/rabbit';
import { watchRegistry } from '#kit/registry-client';
import { serveService } from '#kit/service';
import { openTokens } from '#kit/tokens';
import { payments } from '.';
import { paymentsGrpc } from './grpc';
import { mockProvider } from './mock-provider';
import { remindOfOverdue } from './overdue';
import { subscribe } from './subscriptions';

const env = readEnv({
  ...serviceFields(5700),
  ...mysqlFields,
  ...amqpFields,
  ...tokenFields,
  PAYMENTS_DB_NAME: text('rookery_payments'),
  PAYMENTS_DATABASE_URL: optionalText(),
});

const runtime = await startProcess('payments', env);
const database = await openOwnDatabase(runtime, env, {
  name: env.PAYMENTS_DB_NAME,
  url: env.PAYMENTS_DATABASE_URL,
  migrations: `${import.meta.dir}/migrations`,
});
const registry = watchRegistry(runtime, { urls: env.REGISTRY_URL });
const rabbit = openRabbit(runtime, { url: env.AMQP_URL, required: false });
const deps = {
  runtime,
  database,
  outbox: relayOutbox(runtime, database, { rabbit }),
  tokens: openTokens(runtime, env, registry, { rabbit, internalSecret: env.INTERNAL_SECRET }),
};
trimIdempotencyKeys(runtime, database);
remindOfOverdue(deps);
subscribe(deps, rabbit);
await serveService(runtime, env, { app: payments(deps), grpc: [paymentsGrpc(deps), mockProvider(deps)] });
