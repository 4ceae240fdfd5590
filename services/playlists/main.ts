import { VideoServiceDefinition } from '#contracts/gen/video/v1/video';
import { integer, optionalText, readEnv, text } from '#kit/env';
import { amqpFields, mysqlFields, serviceFields, tokenFields } from '#kit/env-fields';
import { createGrpcClient } from '#kit/grpc-client';
import { trimIdempotencyKeys } from '#kit/idempotency';
import { openOwnDatabase } from '#kit/own-database';
import { startProcess } from '#kit/process';
import { openRabbit } from '#kit/rabbit';
import { watchRegistry } from '#kit/registry-client';
import { serveService } from '#kit/service';
import { openTokens } from '#kit/tokens';
import { playlists } from '.';
import { subscribe } from './subscriptions';
import { videosOf } from './videos';

const env = readEnv({
  ...serviceFields(5400),
  ...mysqlFields,
  ...amqpFields,
  ...tokenFields,
  PLAYLISTS_DB_NAME: text('rookery_playlists'),
  PLAYLISTS_DATABASE_URL: optionalText(),
  VIDEO_DEADLINE_MS: integer(1_000, { min: 50, max: 20_000 }),
});

const runtime = await startProcess('playlists', env);
const database = await openOwnDatabase(runtime, env, {
  name: env.PLAYLISTS_DB_NAME,
  url: env.PLAYLISTS_DATABASE_URL,
  migrations: `${import.meta.dir}/migrations`,
});
const registry = watchRegistry(runtime, { urls: env.REGISTRY_URL });
const rabbit = openRabbit(runtime, { url: env.AMQP_URL, required: false });
const videoClient = createGrpcClient(runtime, {
  service: 'video',
  definition: VideoServiceDefinition,
  registry,
  internalSecret: env.INTERNAL_SECRET,
});
const deps = {
  runtime,
  database,
  videos: videosOf(videoClient, env.VIDEO_DEADLINE_MS),
  tokens: openTokens(runtime, env, registry, { rabbit, internalSecret: env.INTERNAL_SECRET }),
};
trimIdempotencyKeys(runtime, database);
subscribe(deps, rabbit);
await serveService(runtime, env, { app: playlists(deps) });
