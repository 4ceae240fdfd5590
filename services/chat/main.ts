import { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import { flag, integer, optionalText, readEnv, text } from '#kit/env';
import { amqpFields, mysqlFields, redisFields, serviceFields, tokenFields } from '#kit/env-fields';
import { createGrpcClient } from '#kit/grpc-client';
import { openOwnDatabase } from '#kit/own-database';
import { startProcess } from '#kit/process';
import { openRabbit } from '#kit/rabbit';
import { openRedis } from '#kit/redis';
import { watchRegistry } from '#kit/registry-client';
import { serveService } from '#kit/service';
import { openTokens } from '#kit/tokens';
import { chat } from '.';
import { messageFrame } from './frames';
import { openLiveRooms } from './live-rooms';
import { createMessageWriter } from './message-writer';
import { findPeople } from './people';
import { sweepUnusedRooms } from './service';
import { subscribe } from './subscriptions';

const env = readEnv({
  ...serviceFields(5800),
  ...mysqlFields,
  ...redisFields,
  ...amqpFields,
  ...tokenFields,
  CHAT_DB_NAME: text('rookery_chat'),
  CHAT_DATABASE_URL: optionalText(),
  CHAT_ALLOW_ANONYMOUS: flag(false),
  CHAT_ALLOWED_ORIGINS: optionalText(),
  CHAT_MAX_CONNECTIONS: integer(10_000, { min: 1, max: 1_000_000 }),
  CHAT_MESSAGES_PER_SECOND: integer(20, { min: 1, max: 10_000 }),
  CHAT_RECOVERY_LIMIT: integer(5_000, { min: 0, max: 1_000_000 }),
});

const runtime = await startProcess('chat', env);
const database = await openOwnDatabase(runtime, env, {
  name: env.CHAT_DB_NAME,
  url: env.CHAT_DATABASE_URL,
  migrations: `${import.meta.dir}/migrations`,
});
const registry = watchRegistry(runtime, { urls: env.REGISTRY_URL });
const rabbit = openRabbit(runtime, { url: env.AMQP_URL, required: false });
const redis = await openRedis(runtime, { url: env.REDIS_URL, required: false });
const users = createGrpcClient(runtime, {
  service: 'users',
  definition: UsersServiceDefinition,
  registry,
  internalSecret: env.INTERNAL_SECRET,
});
const live = await openLiveRooms(runtime, database, redis);
const deps = {
  runtime,
  database,
  live,
  findPerson: findPeople(users),
  tokens: openTokens(runtime, env, registry, { rabbit, internalSecret: env.INTERNAL_SECRET }),
  writer: createMessageWriter(runtime, database, (room, rows) =>
    live.spread(
      room,
      rows.map((row) => messageFrame(room, row)),
    ),
  ),
  anonymous: !runtime.production || env.CHAT_ALLOW_ANONYMOUS,
  origins: {
    allowed: (env.CHAT_ALLOWED_ORIGINS ?? '').split(',').map((origin) => origin.trim()),
    loopback: !runtime.production,
  },
  maxConnections: env.CHAT_MAX_CONNECTIONS,
  messagesPerSecond: env.CHAT_MESSAGES_PER_SECOND,
  recoveryLimit: env.CHAT_RECOVERY_LIMIT,
};
sweepUnusedRooms(deps);
subscribe(deps, rabbit);
await serveService(runtime, env, { app: chat(deps), drain: live.drain });
