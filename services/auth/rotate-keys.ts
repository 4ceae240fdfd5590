import { createSealer } from '#kit/auth/sealing';
import { tokenSettings } from '#kit/auth/tokens';
import { optionalText, readEnv, text } from '#kit/config/environment';
import { mysqlFields, tokenFields, workerFields } from '#kit/config/fields';
import { openServiceDatabase } from '#kit/mysql/service-database';
import { startProcess } from '#kit/process';
import { createKeyRing } from './keys/key-ring';

// For an operator: makes the next signing key now instead of when its time has come. Running instances publish it
// within half a minute, and sign with it after a quarter of an hour.
const env = readEnv({
  ...workerFields(0),
  ...mysqlFields,
  ...tokenFields,
  AUTH_DB_NAME: text('rookery_auth'),
  AUTH_DATABASE_URL: optionalText(),
});

const runtime = await startProcess('rotate-keys', env);
const database = await openServiceDatabase(runtime, env, {
  name: env.AUTH_DB_NAME,
  url: env.AUTH_DATABASE_URL,
  migrations: `${import.meta.dir}/migrations`,
});
const keys = createKeyRing({
  database,
  sealer: createSealer(env.INTERNAL_SECRET, 'signing-keys'),
  settings: tokenSettings(env),
  // Nothing is removed here, so the life of tokens does not matter.
  tokenLifetimeMs: 0,
  now: Date.now,
});
await keys.rotate();
runtime.log.info(
  'the next key is made: it is published within half a minute and signs in a quarter of an hour',
);
await runtime.close();
