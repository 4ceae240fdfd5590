import { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import { flag, integer, optionalText, readEnv, text } from '#kit/config/environment';
import { mysqlFields, redisFields, secretFields, serviceFields } from '#kit/config/fields';
import { optionalDatabaseUrl } from '#kit/config/urls';
import { createShares } from '#kit/http/shares/shares';
import { openServiceDatabase } from '#kit/mysql/service-database';
import { openRedis } from '#kit/redis/client';
import { serveService, startService } from '#kit/service';
import { chat } from '.';
import type { ChatDeps } from './deps';
import { deleteAnsweredPeriodically } from './invitations/clean-up';
import { messageFrame } from './live/frames';
import { openRoomRegistry } from './live/room-registry';
import { createUserLookup } from './members/users';
import { backfillClientKeys } from './messages/backfill';
import { createClientScopes } from './messages/client-scope';
import { createMessageWriter } from './messages/writer';
import { chatPortability } from './portability';
import { deleteUnusedRoomsPeriodically } from './rooms/clean-up';
import { subscribe } from './subscriptions';

const env = readEnv({
  ...serviceFields(5800),
  ...secretFields,
  ...mysqlFields,
  ...redisFields,
  CHAT_DB_NAME: text('rookery_chat'),
  CHAT_DATABASE_URL: optionalDatabaseUrl(),
  CHAT_ALLOW_ANONYMOUS: flag(false),
  CHAT_ALLOWED_ORIGINS: optionalText(),
  CHAT_MAX_CONNECTIONS: integer(10_000, { min: 1, max: 1_000_000 }),
  CHAT_ANONYMOUS_CONNECTIONS: integer(5_000, { min: 0, max: 1_000_000 }),
  CHAT_CONNECTIONS_PER_PERSON: integer(20, { min: 1, max: 1_000_000 }),
  CHAT_CONNECTIONS_PER_ADDRESS: integer(100, { min: 1, max: 1_000_000 }),
  CHAT_MESSAGES_PER_SECOND: integer(20, { min: 1, max: 10_000 }),
  CHAT_INVITATIONS_PER_DAY: integer(100, { min: 0, max: 100_000 }),
  CHAT_RECOVERY_LIMIT: integer(5_000, { min: 0, max: 1_000_000 }),
});

const { runtime, rabbit, tokens, grpcClient } = await startService('chat', env);
const database = await openServiceDatabase(runtime, env, {
  name: env.CHAT_DB_NAME,
  url: env.CHAT_DATABASE_URL,
  migrations: `${import.meta.dir}/migrations`,
});
await backfillClientKeys(database);
const redis = await openRedis(runtime, { url: env.REDIS_URL, required: false });
const users = grpcClient('users', UsersServiceDefinition);
const live = await openRoomRegistry(runtime, database, redis);
const deps: ChatDeps = {
  runtime,
  database,
  tokens,
  live,
  writer: createMessageWriter(runtime, database, (room, rows) =>
    live.publish(
      room,
      rows.map((row) => messageFrame(room, row)),
    ),
  ),
  findInvited: createUserLookup(users),
  invitationsPerDay: env.CHAT_INVITATIONS_PER_DAY,
  anonymous: !runtime.production || env.CHAT_ALLOW_ANONYMOUS,
  origins: {
    allowed: (env.CHAT_ALLOWED_ORIGINS ?? '').split(',').map((origin) => origin.trim()),
    loopback: !runtime.production,
  },
  shares: createShares(runtime.metrics, {
    name: 'chat-connections',
    limits: {
      maximum: env.CHAT_MAX_CONNECTIONS,
      anonymous: env.CHAT_ANONYMOUS_CONNECTIONS,
      perPerson: env.CHAT_CONNECTIONS_PER_PERSON,
      perAddress: env.CHAT_CONNECTIONS_PER_ADDRESS,
    },
  }),
  clientScope: createClientScopes(env.INTERNAL_SECRET),
  messagesPerSecond: env.CHAT_MESSAGES_PER_SECOND,
  recoveryLimit: env.CHAT_RECOVERY_LIMIT,
};
deleteUnusedRoomsPeriodically(deps);
deleteAnsweredPeriodically(deps);
subscribe(deps, rabbit);
await serveService(runtime, env, { app: chat(deps), grpc: [chatPortability(deps)], drain: live.drain });
