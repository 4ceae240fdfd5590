import { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import { ensureTable, openDynamodb } from '#kit/dynamodb';
import { integer, readEnv, text } from '#kit/env';
import { amqpFields, dynamodbFields, serviceFields, tokenFields } from '#kit/env-fields';
import { createGrpcClient } from '#kit/grpc-client';
import { startProcess } from '#kit/process';
import { openRabbit } from '#kit/rabbit';
import { watchRegistry } from '#kit/registry-client';
import { serveService } from '#kit/service';
import { openTokens } from '#kit/tokens';
import { polls } from '.';
import { enableExpiry, pollsTable } from './store';
import { subscribe } from './subscriptions';

const DAY_MS = 24 * 60 * 60 * 1000;
const env = readEnv({
  ...serviceFields(8005),
  ...dynamodbFields,
  ...amqpFields,
  ...tokenFields,
  DYNAMODB_POLLS_TABLE: text('polls'),
  POLLS_KEPT_DAYS: integer(0, { min: 0, max: 3650 }),
});

const runtime = await startProcess('polls', env);
const table = { client: openDynamodb(runtime, env), name: env.DYNAMODB_POLLS_TABLE };
await ensureTable(runtime, table.client, pollsTable(table.name));
if (env.POLLS_KEPT_DAYS > 0) await enableExpiry(table);
const registry = watchRegistry(runtime, { urls: env.REGISTRY_URL });
const rabbit = openRabbit(runtime, { url: env.AMQP_URL, required: false });
const deps = {
  runtime,
  table,
  users: createGrpcClient(runtime, {
    service: 'users',
    definition: UsersServiceDefinition,
    registry,
    internalSecret: env.INTERNAL_SECRET,
  }),
  removeAfterEndMs: env.POLLS_KEPT_DAYS === 0 ? null : env.POLLS_KEPT_DAYS * DAY_MS,
  now: Date.now,
  tokens: openTokens(runtime, env, registry, { rabbit, internalSecret: env.INTERNAL_SECRET }),
};
subscribe(deps, rabbit);
await serveService(runtime, env, { app: polls(deps) });
