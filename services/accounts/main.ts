import { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import { optionalText, readEnv, text } from '#kit/env';
import { amqpFields, mysqlFields, serviceFields, tokenFields } from '#kit/env-fields';
import { createGrpcClient } from '#kit/grpc-client';
import { trimIdempotencyKeys } from '#kit/idempotency';
import { minorDigitsOf } from '#kit/money';
import { openOwnDatabase } from '#kit/own-database';
import { startProcess } from '#kit/process';
import { openRabbit } from '#kit/rabbit';
import { watchRegistry } from '#kit/registry-client';
import { serveService } from '#kit/service';
import { keysFromAuth, openTokens } from '#kit/tokens';
import { accounts } from '.';
import { accountsGrpc } from './grpc';
import { expireTransactions } from './service';
import { subscribe } from './subscriptions';

const env = readEnv({
  ...serviceFields(5600),
  ...mysqlFields,
  ...amqpFields,
  ...tokenFields,
  ACCOUNTS_DB_NAME: text('rookery_accounts'),
  ACCOUNTS_DATABASE_URL: optionalText(),
  ACCOUNTS_CURRENCY: text('EUR'),
});

// Ends the process at once when it is none.
minorDigitsOf(env.ACCOUNTS_CURRENCY);

const runtime = await startProcess('accounts', env);
const database = await openOwnDatabase(runtime, env, {
  name: env.ACCOUNTS_DB_NAME,
  url: env.ACCOUNTS_DATABASE_URL,
  migrations: `${import.meta.dir}/migrations`,
});
const registry = watchRegistry(runtime, { urls: env.REGISTRY_URL });
const rabbit = openRabbit(runtime, { url: env.AMQP_URL, required: false });
const deps = {
  runtime,
  database,
  users: createGrpcClient(runtime, {
    service: 'users',
    definition: UsersServiceDefinition,
    registry,
    internalSecret: env.INTERNAL_SECRET,
  }),
  phoneSecret: env.INTERNAL_SECRET,
  defaultCurrency: env.ACCOUNTS_CURRENCY,
  fetchKeys: keysFromAuth(runtime, registry),
  tokens: openTokens(runtime, env, registry, { rabbit, internalSecret: env.INTERNAL_SECRET }),
};
trimIdempotencyKeys(runtime, database);
expireTransactions(deps);
subscribe(deps, rabbit);
await serveService(runtime, env, { app: accounts(deps), grpc: [accountsGrpc(deps)] });
