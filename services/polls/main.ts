import { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import { integer, readEnv, text } from '#kit/config/environment';
import { dynamodbFields, serviceFields } from '#kit/config/fields';
import { ensureTable, openDynamodb } from '#kit/dynamodb/client';
import { serveService, startService } from '#kit/service';
import { polls } from '.';
import type { PollsDeps } from './deps';
import { publishEndedPolls } from './ended-polls';
import { pollsGrpc } from './grpc';
import { pollsPortability } from './portability';
import { subscribe } from './subscriptions';
import { enableTimeToLive, pollsTable } from './table';

const DAY_MS = 24 * 60 * 60 * 1000;
const env = readEnv({
  ...serviceFields(8005),
  ...dynamodbFields,
  DYNAMODB_POLLS_TABLE: text('polls'),
  POLLS_KEPT_DAYS: integer(0, { min: 0, max: 3650 }),
});

const { runtime, rabbit, tokens, grpcClient } = await startService('polls', env);
const table = { client: openDynamodb(runtime, env), name: env.DYNAMODB_POLLS_TABLE };
await ensureTable(runtime, table.client, pollsTable(table.name));
if (env.POLLS_KEPT_DAYS > 0) await enableTimeToLive(table);
const deps: PollsDeps = {
  runtime,
  table,
  users: grpcClient('users', UsersServiceDefinition),
  retentionMs: env.POLLS_KEPT_DAYS === 0 ? null : env.POLLS_KEPT_DAYS * DAY_MS,
  now: Date.now,
  tokens,
};
subscribe(deps, rabbit);
publishEndedPolls(deps, rabbit);
await serveService(runtime, env, { app: polls(deps), grpc: [pollsGrpc(deps), pollsPortability(deps)] });
