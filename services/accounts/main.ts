import { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import { keysFromAuth } from '#kit/auth/verification-keys';
import { readEnv, text } from '#kit/config/environment';
import { mysqlFields, secretFields, serviceFields } from '#kit/config/fields';
import { optionalDatabaseUrl } from '#kit/config/urls';
import { trimIdempotencyKeys } from '#kit/http/idempotency';
import { minorDigitsOf } from '#kit/money/amounts';
import { openServiceDatabase } from '#kit/mysql/service-database';
import { serveService, startService } from '#kit/service';
import { accounts } from '.';
import { accountsGrpc } from './grpc';
import { accountsPortability } from './portability';
import { subscribe } from './subscriptions';
import { expireTransactions } from './transactions';

const env = readEnv({
  ...serviceFields(5600),
  ...secretFields,
  ...mysqlFields,
  ACCOUNTS_DB_NAME: text('rookery_accounts'),
  ACCOUNTS_DATABASE_URL: optionalDatabaseUrl(),
  ACCOUNTS_CURRENCY: text('EUR'),
});

// Throws for an unknown currency, before anything is opened.
minorDigitsOf(env.ACCOUNTS_CURRENCY);

const { runtime, registry, rabbit, tokens, grpcClient } = await startService('accounts', env);
const database = await openServiceDatabase(runtime, env, {
  name: env.ACCOUNTS_DB_NAME,
  url: env.ACCOUNTS_DATABASE_URL,
  migrations: `${import.meta.dir}/migrations`,
});
const deps = {
  runtime,
  database,
  tokens,
  users: grpcClient('users', UsersServiceDefinition),
  phoneSecret: env.INTERNAL_SECRET,
  defaultCurrency: env.ACCOUNTS_CURRENCY,
  fetchKeys: keysFromAuth(runtime, registry),
};
trimIdempotencyKeys(runtime, database);
expireTransactions(deps);
subscribe(deps, rabbit);
await serveService(runtime, env, {
  app: accounts(deps),
  grpc: [accountsGrpc(deps), accountsPortability(deps)],
});
