import { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import { optionalText, readEnv, text } from '#kit/env';
import { mysqlFields, serviceFields } from '#kit/env-fields';
import { trimIdempotencyKeys } from '#kit/idempotency';
import { minorDigitsOf } from '#kit/money';
import { openOwnDatabase } from '#kit/own-database';
import { serveService } from '#kit/service';
import { startService } from '#kit/service-process';
import { keysFromAuth } from '#kit/tokens';
import { accounts } from '.';
import { accountsGrpc } from './grpc';
import { expireTransactions } from './service';
import { subscribe } from './subscriptions';

const env = readEnv({
  ...serviceFields(5600),
  ...mysqlFields,
  ACCOUNTS_DB_NAME: text('rookery_accounts'),
  ACCOUNTS_DATABASE_URL: optionalText(),
  ACCOUNTS_CURRENCY: text('EUR'),
});

// Ends the process at once when it is none.
minorDigitsOf(env.ACCOUNTS_CURRENCY);

const { runtime, registry, rabbit, tokens, clientOf } = await startService('accounts', env);
const database = await openOwnDatabase(runtime, env, {
  name: env.ACCOUNTS_DB_NAME,
  url: env.ACCOUNTS_DATABASE_URL,
  migrations: `${import.meta.dir}/migrations`,
});
const deps = {
  runtime,
  database,
  users: clientOf('users', UsersServiceDefinition),
  phoneSecret: env.INTERNAL_SECRET,
  defaultCurrency: env.ACCOUNTS_CURRENCY,
  fetchKeys: keysFromAuth(runtime, registry),
  tokens,
};
trimIdempotencyKeys(runtime, database);
expireTransactions(deps);
subscribe(deps, rabbit);
await serveService(runtime, env, { app: accounts(deps), grpc: [accountsGrpc(deps)] });
