import { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import { createPasswords } from '#kit/auth/passwords';
import { createSealer, createSealerFor } from '#kit/auth/sealing';
import { tokenSettings } from '#kit/auth/tokens';
import { flag, integer, readEnv, text } from '#kit/config/environment';
import { mysqlFields, redisFields, secretFields, serviceFields } from '#kit/config/fields';
import { optionalDatabaseUrl, origins, publicUrl } from '#kit/config/urls';
import { createGrpcClient } from '#kit/grpc/client';
import { relayOutbox } from '#kit/messaging/outbox-relay';
import { openRabbit } from '#kit/messaging/rabbit/client';
import { openServiceDatabase } from '#kit/mysql/service-database';
import { startProcess } from '#kit/process';
import { openRedis } from '#kit/redis/client';
import { watchRegistry } from '#kit/registry/client';
import { serveService } from '#kit/service';
import { auth } from '.';
import { createBackgroundQueue } from './background-queue';
import { maintainEmailKeys } from './credentials/email-keys';
import type { AuthDeps } from './deps';
import { authGrpc } from './grpc';
import { openProviders } from './identities/providers';
import { signInProviders } from './identities/settings';
import { openKeyRing } from './keys/key-ring';
import { deriveFormSecret } from './pages/form-tokens';
import { authPortability } from './portability';
import { deriveRefreshSecret } from './sessions/refresh-tokens';
import { subscribe } from './subscriptions';
import { sweepExpired } from './sweep';
import { openThrottles } from './throttle/open';
import { exchangeAppToken } from './tokens/app-tokens';
import { openOwnVerifier } from './tokens/own-verifier';

const env = readEnv({
  ...serviceFields(5300),
  ...secretFields,
  ...mysqlFields,
  ...redisFields,
  AUTH_DB_NAME: text('rookery_auth'),
  AUTH_DATABASE_URL: optionalDatabaseUrl(),
  JWT_EXPIRES_MINUTES: integer(60, { min: 1, max: 1_440 }),
  SIGN_INS_PER_ADDRESS: integer(50, { min: 1, max: 1_000_000 }),
  PUBLIC_URL: publicUrl('http://127.0.0.1:8080'),
  CORS_ORIGINS: origins(),
  OAUTH_PASSWORD_GRANT: flag(false),
  SIGN_IN_PROVIDERS: signInProviders(),
});
const internalSecret = env.INTERNAL_SECRET;

const runtime = await startProcess('auth', env);
const database = await openServiceDatabase(runtime, env, {
  name: env.AUTH_DB_NAME,
  url: env.AUTH_DATABASE_URL,
  migrations: `${import.meta.dir}/migrations`,
});
const registry = watchRegistry(runtime, { urls: env.REGISTRY_URL });
const rabbit = openRabbit(runtime, { urls: env.AMQP_URL, required: false });
const redis = await openRedis(runtime, { url: env.REDIS_URL, required: false });
const settings = tokenSettings(env);
const timing = { tokenLifetimeMs: env.JWT_EXPIRES_MINUTES * 60_000, now: Date.now };
const keys = await openKeyRing(runtime, { database, settings, internalSecret, ...timing });
const users = { service: 'users', definition: UsersServiceDefinition, registry };
const deps: AuthDeps = {
  runtime,
  database,
  settings,
  keys,
  ...timing,
  ...openOwnVerifier(
    runtime,
    rabbit,
    { database, settings, keys, ...timing },
    {
      operatorsNeedSecondFactor: env.OPERATORS_NEED_SECOND_FACTOR ?? runtime.production,
      exchange: async (token) => (await exchangeAppToken(deps, token)) ?? null,
    },
  ),
  outbox: relayOutbox(runtime, database, { rabbit }),
  users: createGrpcClient(runtime, users),
  passwords: createPasswords(runtime.metrics),
  sealer: createSealerFor(runtime.identity, 'auth', createSealer(internalSecret, 'credentials')),
  totpSealer: createSealer(internalSecret, 'totp'),
  ...openThrottles(runtime, redis, {
    internalSecret,
    failuresPerNetwork: env.SIGN_INS_PER_ADDRESS,
    now: Date.now,
  }),
  backgroundQueue: createBackgroundQueue(runtime),
  providers: openProviders(runtime, env.SIGN_IN_PROVIDERS, timing),
  foreignSealer: createSealer(internalSecret, 'foreign sign-ins'),
  publicUrl: env.PUBLIC_URL,
  trustedOrigins: [new URL(env.PUBLIC_URL).origin, ...env.CORS_ORIGINS],
  formSecret: deriveFormSecret(internalSecret),
  passwordGrant: env.OAUTH_PASSWORD_GRANT,
  refreshSecret: deriveRefreshSecret(internalSecret),
};
await maintainEmailKeys(deps);
subscribe(deps, rabbit);
sweepExpired(deps);
await serveService(runtime, env, { app: auth(deps), grpc: [authGrpc(deps), authPortability(deps)] });
