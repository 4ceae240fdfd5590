import { tokenSettings } from '#kit/auth/tokens';
import { readEnv, text } from '#kit/config/environment';
import { mysqlFields, processFields, secretFields, tokenFields } from '#kit/config/fields';
import { optionalDatabaseUrl } from '#kit/config/urls';
import { openServiceDatabase } from '#kit/mysql/service-database';
import { startProcess } from '#kit/process';
import { createKeyRing } from './keys/key-ring';

// For operators: creates the next signing key now instead of on schedule. Running instances publish it within 30 s and
// sign with it after 15 minutes.
const env = readEnv({
  ...processFields(0),
  ...secretFields,
  ...mysqlFields,
  ...tokenFields,
  AUTH_DB_NAME: text('rookery_auth'),
  AUTH_DATABASE_URL: optionalDatabaseUrl(),
});

const runtime = await startProcess('rotate-keys', env);
const database = await openServiceDatabase(runtime, env, {
  name: env.AUTH_DB_NAME,
  url: env.AUTH_DATABASE_URL,
  migrations: `${import.meta.dir}/migrations`,
});
const keys = createKeyRing({
  database,
  settings: tokenSettings(env),
  internalSecret: env.INTERNAL_SECRET,
  // Not used by a rotation, which deletes no keys.
  tokenLifetimeMs: 0,
  now: Date.now,
});
await keys.rotate();
runtime.log.info('Created the next signing key: published within 30 s, signs after 15 minutes');
await runtime.close();
