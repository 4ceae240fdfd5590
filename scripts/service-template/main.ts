import { readEnv, text } from '#kit/config/environment';
import { mysqlFields, serviceFields } from '#kit/config/fields';
import { optionalDatabaseUrl } from '#kit/config/urls';
import { trimIdempotencyKeys } from '#kit/http/idempotency';
import { openServiceDatabase } from '#kit/mysql/service-database';
import { serveService, startService } from '#kit/service';
import { exampleItems } from '.';
import { subscribe } from './subscriptions';

const env = readEnv({
  ...serviceFields(6999),
  ...mysqlFields,
  EXAMPLE_ITEMS_DB_NAME: text('rookery_example_items'),
  EXAMPLE_ITEMS_DATABASE_URL: optionalDatabaseUrl(),
});

const { runtime, rabbit, tokens } = await startService('example-items', env);
const database = await openServiceDatabase(runtime, env, {
  name: env.EXAMPLE_ITEMS_DB_NAME,
  url: env.EXAMPLE_ITEMS_DATABASE_URL,
  migrations: `${import.meta.dir}/migrations`,
});
const deps = { runtime, database, tokens };
trimIdempotencyKeys(runtime, database);
subscribe(deps, rabbit);
await serveService(runtime, env, { app: exampleItems(deps) });
