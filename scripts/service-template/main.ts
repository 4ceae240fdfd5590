import { optionalText, readEnv, text } from '#kit/env';
import { amqpFields, mysqlFields, serviceFields, tokenFields } from '#kit/env-fields';
import { openOwnDatabase } from '#kit/own-database';
import { startProcess } from '#kit/process';
import { openRabbit } from '#kit/rabbit';
import { watchRegistry } from '#kit/registry-client';
import { serveService } from '#kit/service';
import { openTokens } from '#kit/tokens';
import { exampleItems } from '.';
import { subscribe } from './subscriptions';

const env = readEnv({
  ...serviceFields(6999),
  ...mysqlFields,
  ...amqpFields,
  ...tokenFields,
  EXAMPLE_ITEMS_DB_NAME: text('rookery_example_items'),
  EXAMPLE_ITEMS_DATABASE_URL: optionalText(),
});

const runtime = await startProcess('example-items', env);
const database = await openOwnDatabase(runtime, env, {
  name: env.EXAMPLE_ITEMS_DB_NAME,
  url: env.EXAMPLE_ITEMS_DATABASE_URL,
  migrations: `${import.meta.dir}/migrations`,
});
const registry = watchRegistry(runtime, { urls: env.REGISTRY_URL });
const rabbit = openRabbit(runtime, { url: env.AMQP_URL, required: false });
const deps = {
  runtime,
  database,
  tokens: openTokens(runtime, env, registry, { rabbit, internalSecret: env.INTERNAL_SECRET }),
};
subscribe(deps, rabbit);
await serveService(runtime, env, { app: exampleItems(deps) });
