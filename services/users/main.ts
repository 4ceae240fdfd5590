import { AuthServiceDefinition } from '#contracts/gen/auth/v1/auth';
import { optionalText, readEnv, text } from '#kit/env';
import { amqpFields, flagFields, mysqlFields, serviceFields, tokenFields } from '#kit/env-fields';
import { openFlags } from '#kit/flags-source';
import { createGrpcClient } from '#kit/grpc-client';
import { createIdGenerator, randomWorker } from '#kit/ids';
import { relayOutbox } from '#kit/outbox-relay';
import { openOwnDatabase } from '#kit/own-database';
import { createPasswords } from '#kit/passwords';
import { startProcess } from '#kit/process';
import { openRabbit } from '#kit/rabbit';
import { watchRegistry } from '#kit/registry-client';
import { createSealer } from '#kit/sealing';
import { serveService } from '#kit/service';
import { openTokens } from '#kit/tokens';
import { users } from '.';
import { announceLeftOvers } from './authorizations';
import { ensureAdministrator, ensureRoles } from './bootstrap';
import { usersGrpc } from './grpc';
import { subscribe } from './subscriptions';

const env = readEnv({
  ...serviceFields(5100),
  ...mysqlFields,
  ...amqpFields,
  ...tokenFields,
  ...flagFields,
  USERS_DB_NAME: text('microblog_users'),
  USERS_DATABASE_URL: optionalText(),
  ADMIN_USERNAME: text('admin'),
  ADMIN_EMAIL: text('admin@rookery.example'),
  ADMIN_PASSWORD: optionalText(),
});

const runtime = await startProcess('users', env);
const database = await openOwnDatabase(runtime, env, {
  name: env.USERS_DB_NAME,
  url: env.USERS_DATABASE_URL,
  migrations: `${import.meta.dir}/migrations`,
});
const registry = watchRegistry(runtime, { urls: env.REGISTRY_URL });
const rabbit = openRabbit(runtime, { url: env.AMQP_URL, required: false });
const deps = {
  runtime,
  database,
  outbox: relayOutbox(runtime, database, { rabbit }),
  auth: createGrpcClient(runtime, {
    service: 'auth',
    definition: AuthServiceDefinition,
    registry,
    internalSecret: env.INTERNAL_SECRET,
  }),
  passwords: createPasswords(),
  sealer: createSealer(env.INTERNAL_SECRET, 'credentials'),
  flags: openFlags(runtime, env),
  nextId: createIdGenerator(randomWorker()),
  tokens: openTokens(runtime, env, registry, { rabbit, internalSecret: env.INTERNAL_SECRET }),
};
await ensureRoles(database);
await ensureAdministrator(deps, {
  username: env.ADMIN_USERNAME,
  email: env.ADMIN_EMAIL,
  password: env.ADMIN_PASSWORD,
});
subscribe(deps, rabbit);
announceLeftOvers(deps);
await serveService(runtime, env, { app: users(deps), grpc: [usersGrpc(deps)] });
