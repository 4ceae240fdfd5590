import { join } from 'node:path';
import { integer, readEnv, text } from '#kit/config/environment';
import { mysqlFields, secretFields, serviceFields, storageFields } from '#kit/config/fields';
import { optionalDatabaseUrl, publicUrl } from '#kit/config/urls';
import { trimIdempotencyKeys } from '#kit/http/idempotency';
import { relayOutbox } from '#kit/messaging/outbox-relay';
import { openServiceDatabase } from '#kit/mysql/service-database';
import { serveService, startService } from '#kit/service';
import { openStorage } from '#kit/storage/open';
import { media } from '.';
import { createFileUrls } from './content/file-urls';
import { requestCopiesPeriodically } from './copies/service';
import type { MediaDeps } from './deps';
import { backfillTagKeys } from './files/tags-store';
import { mediaGrpc } from './grpc';
import { mediaPortability } from './portability';
import { cleanUpPeriodically } from './processing/clean-up';
import { openResumableUploads } from './resumable/service';
import { subscribe } from './subscriptions';

const env = readEnv({
  ...serviceFields(5500),
  ...secretFields,
  ...mysqlFields,
  ...storageFields,
  MEDIA_DB_NAME: text('rookery_media'),
  MEDIA_DATABASE_URL: optionalDatabaseUrl(),
  MEDIA_QUOTA_MB: integer(1_024, { min: 1, max: 1_048_576 }),
  PUBLIC_URL: publicUrl('http://127.0.0.1:8080'),
});

const { runtime, rabbit, tokens } = await startService('media', env);
const database = await openServiceDatabase(runtime, env, {
  name: env.MEDIA_DB_NAME,
  url: env.MEDIA_DATABASE_URL,
  migrations: `${import.meta.dir}/migrations`,
});
await backfillTagKeys(database);
const deps: MediaDeps = {
  runtime,
  database,
  storage: await openStorage(runtime, env),
  outbox: relayOutbox(runtime, database, { rabbit }),
  tokens,
  urls: createFileUrls({
    publicUrl: env.PUBLIC_URL,
    internalSecret: env.INTERNAL_SECRET,
  }),
  quotaBytes: env.MEDIA_QUOTA_MB * 1024 * 1024,
};
trimIdempotencyKeys(runtime, database);
cleanUpPeriodically(deps);
requestCopiesPeriodically(deps);
subscribe(deps, rabbit);
await serveService(runtime, env, {
  app: media({ ...deps, resumable: openResumableUploads(deps, join(env.MEDIA_STORAGE, 'resumable')) }),
  grpc: [mediaGrpc(deps), mediaPortability(deps)],
  aliases: ['basement'],
});
