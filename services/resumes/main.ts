import { readEnv, text } from '#kit/config/environment';
import { mysqlFields, serviceFields } from '#kit/config/fields';
import { optionalDatabaseUrl, publicUrl } from '#kit/config/urls';
import { trimIdempotencyKeys } from '#kit/http/idempotency';
import { openServiceDatabase } from '#kit/mysql/service-database';
import { serveService, startService } from '#kit/service';
import { resumes } from '.';
import { resumesPortability } from './portability';
import { subscribe } from './subscriptions';

const env = readEnv({
  ...serviceFields(5900),
  ...mysqlFields,
  RESUMES_DB_NAME: text('rookery_resumes'),
  RESUMES_DATABASE_URL: optionalDatabaseUrl(),
  PUBLIC_URL: publicUrl('http://127.0.0.1:8080'),
});

const { runtime, rabbit, tokens } = await startService('resumes', env);
const database = await openServiceDatabase(runtime, env, {
  name: env.RESUMES_DB_NAME,
  url: env.RESUMES_DATABASE_URL,
  migrations: `${import.meta.dir}/migrations`,
});
const deps = { runtime, database, tokens, publicUrl: env.PUBLIC_URL };
trimIdempotencyKeys(runtime, database);
subscribe(deps, rabbit);
await serveService(runtime, env, {
  app: resumes(deps),
  grpc: [resumesPortability(deps)],
  aliases: ['resume'],
});
