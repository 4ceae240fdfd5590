import { VideoServiceDefinition } from '#contracts/gen/video/v1/video';
import { integer, readEnv, text } from '#kit/config/environment';
import { mysqlFields, serviceFields } from '#kit/config/fields';
import { optionalDatabaseUrl } from '#kit/config/urls';
import { trimIdempotencyKeys } from '#kit/http/idempotency';
import { openServiceDatabase } from '#kit/mysql/service-database';
import { serveService, startService } from '#kit/service';
import { playlists } from '.';
import { playlistsPortability } from './portability';
import { subscribe } from './subscriptions';
import { cachedVideos } from './videos';

const env = readEnv({
  ...serviceFields(5400),
  ...mysqlFields,
  PLAYLISTS_DB_NAME: text('rookery_playlists'),
  PLAYLISTS_DATABASE_URL: optionalDatabaseUrl(),
  VIDEO_DEADLINE_MS: integer(1_000, { min: 50, max: 20_000 }),
});

const { runtime, rabbit, tokens, grpcClient } = await startService('playlists', env);
const database = await openServiceDatabase(runtime, env, {
  name: env.PLAYLISTS_DB_NAME,
  url: env.PLAYLISTS_DATABASE_URL,
  migrations: `${import.meta.dir}/migrations`,
});
const videos = cachedVideos(grpcClient('video', VideoServiceDefinition), env.VIDEO_DEADLINE_MS);
const deps = { runtime, database, tokens, videos };
trimIdempotencyKeys(runtime, database);
subscribe(deps, rabbit);
await serveService(runtime, env, { app: playlists(deps), grpc: [playlistsPortability(deps)] });
