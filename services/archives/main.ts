import { integer, readEnv, text } from '#kit/config/environment';
import {
  archiveStorageFields,
  beanstalkdAddresses,
  beanstalkdFields,
  mysqlFields,
  serviceFields,
} from '#kit/config/fields';
import { optionalDatabaseUrl } from '#kit/config/urls';
import { openBeanstalkd } from '#kit/messaging/beanstalkd/client';
import { relayOutbox } from '#kit/messaging/outbox-relay';
import { openServiceDatabase } from '#kit/mysql/service-database';
import { serveService, startService } from '#kit/service';
import { openArchiveStorage } from '#kit/storage/open';
import { archives } from '.';
import type { ArchivesDeps } from './deps';
import { cleanUpHourly } from './files';
import { archivesGrpc } from './grpc';
import { subscribe } from './subscriptions';

const MB = 1024 * 1024;

const env = readEnv({
  ...serviceFields(6500),
  ...mysqlFields,
  ...beanstalkdFields,
  ...archiveStorageFields,
  ARCHIVES_DB_NAME: text('rookery_archives'),
  ARCHIVES_DATABASE_URL: optionalDatabaseUrl(),
  ARCHIVES_MAX_MB: integer(1_024, { min: 1, max: 1_024 }),
  ARCHIVES_RETENTION_DAYS: integer(7, { min: 1, max: 365 }),
});

const { runtime, rabbit, tokens } = await startService('archives', env);
const database = await openServiceDatabase(runtime, env, {
  name: env.ARCHIVES_DB_NAME,
  url: env.ARCHIVES_DATABASE_URL,
  migrations: `${import.meta.dir}/migrations`,
});
const beanstalkd = openBeanstalkd(runtime, { addresses: beanstalkdAddresses(env), required: false });
const deps: ArchivesDeps = {
  runtime,
  database,
  storage: await openArchiveStorage(runtime, env),
  outbox: relayOutbox(runtime, database, { beanstalkd }),
  tokens,
  maxBytes: env.ARCHIVES_MAX_MB * MB,
  retentionDays: env.ARCHIVES_RETENTION_DAYS,
};
cleanUpHourly(deps);
subscribe(deps, rabbit);
await serveService(runtime, env, {
  app: archives(deps),
  grpc: [archivesGrpc(deps)],
});
