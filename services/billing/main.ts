import { AccountsServiceDefinition } from '#contracts/gen/accounts/v1/accounts';
import { optionalText, readEnv, text } from '#kit/env';
import { amqpFields, mysqlFields, serviceFields, tokenFields } from '#kit/env-fields';
import { createGrpcClient } from '#kit/grpc-client';
import { trimIdempotencyKeys } from '#kit/idempotency';
import { relayOutbox } from '#kit/outbox-relay';
import { openOwnDatabase } from '#kit/own-database';
import { startProcess } from '#kit/process';
import { openRabbit } from '#kit/rabbit';
import { watchRegistry } from '#kit/registry-client';
import { serveService } from '#kit/service';
import { openTokens } from '#kit/tokens';
import { billing } from '.';
import { subscribe } from './subscriptions';

const env = readEnv({
  ...serviceFields(6300),
  ...mysqlFields,
  ...amqpFields,
  ...tokenFields,
  BILLING_DB_NAME: text('rookery_billing'),
  BILLING_DATABASE_URL: optionalText(),
});

const runtime = await startProcess('billing', env);
const database = await openOwnDatabase(runtime, env, {
  name: env.BILLING_DB_NAME,
  url: env.BILLING_DATABASE_URL,
  migrations: `${import.meta.dir}/migrations`,
});
const registry = watchRegistry(runtime, { urls: env.REGISTRY_URL });
const rabbit = openRabbit(runtime, { url: env.AMQP_URL, required: false });
const deps = {
  runtime,
  database,
  outbox: relayOutbox(runtime, database, { rabbit }),
  accounts: createGrpcClient(runtime, {
    service: 'accounts',
    definition: AccountsServiceDefinition,
    registry,
    internalSecret: env.INTERNAL_SECRET,
  }),
  tokens: openTokens(runtime, env, registry, { rabbit, internalSecret: env.INTERNAL_SECRET }),
};
trimIdempotencyKeys(runtime, database);
subscribe(deps, rabbit);
await serveService(runtime, env, { app: billing(deps) });
