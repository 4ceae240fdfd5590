import { optionalText, readEnv, text, url } from '#kit/env';
import { amqpFields, mysqlFields, serviceFields, tokenFields } from '#kit/env-fields';
import { trimIdempotencyKeys } from '#kit/idempotency';
import { openOwnDatabase } from '#kit/own-database';
import { startProcess } from '#kit/process';
import { openRabbit } from '#kit/rabbit';
import { watchRegistry } from '#kit/registry-client';
import { serveService } from '#kit/service';
import { openTokens } from '#kit/tokens';
import { BODY_BYTES, resumes } from '.';
import { subscribe } from './subscriptions';

const env = readEnv({
  ...serviceFields(5900),
  ...mysqlFields,
  ...amqpFields,
  ...tokenFields,
  RESUMES_DB_NAME: text('rookery_resumes'),
  RESUMES_DATABASE_URL: optionalText(),
  PUBLIC_URL: url('http://127.0.0.1:8080'),
});

const runtime = await startProcess('resumes', env);
const database = await openOwnDatabase(runtime, env, {
  name: env.RESUMES_DB_NAME,
  url: env.RESUMES_DATABASE_URL,
  migrations: `${import.meta.dir}/migrations`,
});
const registry = watchRegistry(runtime, { urls: env.REGISTRY_URL });
const rabbit = openRabbit(runtime, { url: env.AMQP_URL, required: false });
const deps = {
  runtime,
  database,
  publicUrl: env.PUBLIC_URL.replace(/\/+$/, ''),
  tokens: openTokens(runtime, env, registry, { rabbit, internalSecret: env.INTERNAL_SECRET }),
};
trimIdempotencyKeys(runtime, database);
subscribe(deps, rabbit);
await serveService(runtime, env, { app: resumes(deps), aliases: ['resume'], bodyBytes: BODY_BYTES });
