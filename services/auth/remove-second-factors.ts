import { readEnv, text } from '#kit/config/environment';
import { mysqlFields, processFields } from '#kit/config/fields';
import { optionalDatabaseUrl } from '#kit/config/urls';
import { openServiceDatabase } from '#kit/mysql/service-database';
import { startProcess } from '#kit/process';
import { usernameKey } from '#kit/text/identity';
import { findByName } from './credentials/store';
import { removeFactors } from './second-factors/service';

// For operators: removes the second factors of a user who has lost them, such as the only administrator. Others use
// DELETE /admin/auth/{user_id}/second-factors, which is in the audit log. Running instances mail the user.
const env = readEnv({
  ...processFields(0),
  ...mysqlFields,
  AUTH_DB_NAME: text('rookery_auth'),
  AUTH_DATABASE_URL: optionalDatabaseUrl(),
});
const [username = ''] = process.argv.slice(2);

const runtime = await startProcess('remove-second-factors', env);
const database = await openServiceDatabase(runtime, env, {
  name: env.AUTH_DB_NAME,
  url: env.AUTH_DATABASE_URL,
  migrations: `${import.meta.dir}/migrations`,
});
const found = await findByName(database, { kind: 'username', key: usernameKey(username) });
const removed =
  found !== undefined &&
  (await removeFactors({ database, outbox: { wake() {} }, now: Date.now }, found.userId));
if (removed) runtime.log.info('Removed the second factors: the password alone signs in');
else runtime.log.error('There is no user of this name with second factors: remove-second-factors alice');
await runtime.close();
process.exitCode = removed ? 0 : 1;
