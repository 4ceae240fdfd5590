import { hkdfSync } from 'node:crypto';
import { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import { createDenylist } from '#kit/auth/denylist';
import { createPasswords } from '#kit/auth/passwords';
import { followRevocations } from '#kit/auth/revocations';
import { createSealer } from '#kit/auth/sealing';
import { createTokenVerifier, tokenSettings } from '#kit/auth/tokens';
import { integer, optionalText, readEnv, text, url } from '#kit/config/environment';
import { mysqlFields, redisFields, serviceFields } from '#kit/config/fields';
import { createGrpcClient } from '#kit/grpc/client';
import { relayOutbox } from '#kit/messaging/outbox-relay';
import { openRabbit } from '#kit/messaging/rabbit/client';
import { openServiceDatabase } from '#kit/mysql/service-database';
import { startProcess } from '#kit/process';
import { openRedis } from '#kit/redis/client';
import { watchRegistry } from '#kit/registry/client';
import { serveService } from '#kit/service';
import { auth } from '.';
import { createAfterwards } from './background-queue';
import { authGrpc } from './grpc';
import { openKeyRing } from './keys/key-ring';
import { subscribe } from './subscriptions';
import { sweepExpired } from './sweep';
import { createResetThrottle, createThrottle } from './throttle/throttle';
import { listRevocations } from './tokens/revocations';

const env = readEnv({
  ...serviceFields(5300),
  ...mysqlFields,
  ...redisFields,
  AUTH_DB_NAME: text('rookery_auth'),
  AUTH_DATABASE_URL: optionalText(),
  JWT_EXPIRES_MINUTES: integer(60, { min: 1, max: 1_440 }),
  SIGN_INS_PER_ADDRESS: integer(25, { min: 1, max: 1_000_000 }),
  PUBLIC_URL: url('http://127.0.0.1:8080'),
});

const runtime = await startProcess('auth', env);
const database = await openServiceDatabase(runtime, env, {
  name: env.AUTH_DB_NAME,
  url: env.AUTH_DATABASE_URL,
  migrations: `${import.meta.dir}/migrations`,
});
const registry = watchRegistry(runtime, { urls: env.REGISTRY_URL });
const rabbit = openRabbit(runtime, { url: env.AMQP_URL, required: false });
const redis = await openRedis(runtime, { url: env.REDIS_URL, required: false });
const denylist = createDenylist();
const timing = { tokenLifetimeMs: env.JWT_EXPIRES_MINUTES * 60_000, now: Date.now };
const settings = tokenSettings(env);
const keys = await openKeyRing(runtime, {
  database,
  settings,
  sealer: createSealer(env.INTERNAL_SECRET, 'signing-keys'),
  ...timing,
});
const isRevoked = followRevocations(runtime, rabbit, denylist, () =>
  listRevocations({ database, ...timing }),
);
const deps = {
  runtime,
  database,
  denylist,
  settings,
  keys,
  ...timing,
  outbox: relayOutbox(runtime, database, { rabbit }),
  users: createGrpcClient(runtime, {
    service: 'users',
    definition: UsersServiceDefinition,
    registry,
    internalSecret: env.INTERNAL_SECRET,
  }),
  passwords: createPasswords(),
  sealer: createSealer(env.INTERNAL_SECRET, 'credentials'),
  throttle: createThrottle(redis, env.SIGN_INS_PER_ADDRESS),
  resetThrottle: createResetThrottle(redis),
  afterwards: createAfterwards(runtime),
  publicUrl: env.PUBLIC_URL,
  refreshSecret: new Uint8Array(hkdfSync('sha256', env.INTERNAL_SECRET, 'rookery', 'refresh tokens', 32)),
  tokens: createTokenVerifier(settings, async () => keys.publicKeys(), isRevoked),
};
subscribe(deps, rabbit);
sweepExpired(deps);
await serveService(runtime, env, { app: auth(deps), grpc: [authGrpc(deps)] });
