import { randomBytes } from 'node:crypto';
import { AuthServiceDefinition } from '#contracts/gen/auth/v1/auth';
import { NotificationsServiceDefinition } from '#contracts/gen/notifications/v1/notifications';
import { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import { createDenylist } from '#kit/auth/denylist';
import { createPasswords } from '#kit/auth/passwords';
import { createSealer, createSealerFor } from '#kit/auth/sealing';
import { createTokenVerifier, type TokenAlgorithm } from '#kit/auth/tokens';
import { createFlags } from '#kit/flags/flags';
import { createGrpcClient } from '#kit/grpc/client';
import { type GrpcService, startGrpcServer } from '#kit/grpc/server';
import { migrateDatabase } from '#kit/mysql/migrations';
import { openRedis } from '#kit/redis/client';
import { auth } from '../../services/auth';
import { createBackgroundQueue } from '../../services/auth/background-queue';
import { authGrpc } from '../../services/auth/grpc';
import { openProviders } from '../../services/auth/identities/providers';
import type { ProviderSettings } from '../../services/auth/identities/settings';
import { openKeyRing } from '../../services/auth/keys/key-ring';
import { openThrottles } from '../../services/auth/throttle/open';
import { exchangeAppToken } from '../../services/auth/tokens/app-tokens';
import { users } from '../../services/users';
import { ensureRoles } from '../../services/users/bootstrap';
import { usersGrpc } from '../../services/users/grpc';
import { callerOf } from './call';
import { idsOfOneProcess } from './ids';
import { serverVariable, testDatabase, testRuntime } from './servers';

const SECRET = 'a secret for this test';
/** A slow machine fails no test: nobody is turned away for the time that hashing takes. */
const PATIENT = { concurrent: 4, waiting: 1_000 };
const ROOT = `${import.meta.dir}/../..`;

/**
 * Users and auth in one process, each on a database of its own, calling each other over gRPC, with a clock that can be
 * advanced. Nothing is relayed from the outboxes: a test decides which messages are delivered.
 */
export async function startIdentity(
  options: {
    algorithm?: TokenAlgorithm;
    perAddress?: number;
    passwords?: 'cheap';
    /** Where it is reached, of a test that listens. */
    issuer?: string;
    passwordGrant?: boolean;
    /** Of a test that opens its pages in a browser. */
    publicUrl?: string;
    /** As in production. */
    operatorsNeedSecondFactor?: boolean;
    /** Other OpenID providers to sign in with. */
    providers?: readonly ProviderSettings[];
    /** How long they are waited for. */
    providerTimeoutMs?: number;
  } = {},
) {
  const hashing = {
    limits: PATIENT,
    ...(options.passwords === 'cheap' && { cost: { memoryCost: 64, timeCost: 1 } }),
  };
  const clock = { aheadMs: 0 };
  const now = () => Date.now() + clock.aheadMs;
  const present = new Map<string, { host: string; grpc_port: number; state: 'up' }>();
  const away = new Set<string>();
  const registry = {
    instances: (name: string) => {
      const address = present.get(name);
      return address === undefined || away.has(name) ? [] : [address];
    },
    onChange: () => () => undefined,
  };
  const settings = {
    algorithm: options.algorithm ?? 'EdDSA',
    issuer: options.issuer ?? 'http://issuer.test',
    audience: 'rookery',
    secret: 'a token secret of more than 32 characters',
  } as const;
  const timing = { tokenLifetimeMs: 60 * 60_000, now };

  const authRuntime = testRuntime('auth');
  const authStorage = await migrated('auth');
  const denylist = createDenylist();
  const keyRing = {
    database: authStorage.database,
    internalSecret: SECRET,
    settings,
    ...timing,
  };
  const keys = await openKeyRing(authRuntime, keyRing);
  const tokens = createTokenVerifier(settings, async () => keys.publicKeys(), denylist.isRevoked, {
    exchange: async (token) => (await exchangeAppToken(authDeps, token)) ?? null,
    operatorsNeedSecondFactor: options.operatorsNeedSecondFactor ?? false,
    operatorsSignInAgain: options.operatorsNeedSecondFactor ?? false,
  });
  const redis = await openRedis(authRuntime, { url: throttleRedisUrl(), required: false });
  const authDeps = {
    runtime: authRuntime,
    database: authStorage.database,
    outbox: { wake() {} },
    denylist,
    settings,
    keys,
    tokens,
    ...timing,
    users: createGrpcClient(authRuntime, {
      service: 'users',
      definition: UsersServiceDefinition,
      registry,
    }),
    passwords: createPasswords(authRuntime.metrics, hashing),
    sealer: createSealerFor(authRuntime.identity, 'auth'),
    totpSealer: createSealer(SECRET, 'totp'),
    ...openThrottles(authRuntime, redis, {
      internalSecret: SECRET,
      failuresPerNetwork: options.perAddress ?? 1_000,
      turns: PATIENT,
      now,
    }),
    backgroundQueue: createBackgroundQueue(authRuntime),
    providers: openProviders(authRuntime, options.providers ?? [], {
      now,
      ...(options.providerTimeoutMs !== undefined && { timeoutMs: options.providerTimeoutMs }),
    }),
    foreignSealer: createSealer(SECRET, 'foreign sign-ins'),
    publicUrl: options.publicUrl ?? 'https://rookery.example',
    trustedOrigins: ['https://rookery.example', 'https://app.example'],
    formSecret: new Uint8Array(randomBytes(32)),
    passwordGrant: options.passwordGrant ?? false,
    refreshSecret: new Uint8Array(randomBytes(32)),
  };

  const usersRuntime = testRuntime('users');
  const usersStorage = await migrated('users');
  await ensureRoles(usersStorage.database);
  const usersDeps = {
    runtime: usersRuntime,
    database: usersStorage.database,
    outbox: { wake() {} },
    deliverDirectly: async () => undefined,
    auth: createGrpcClient(usersRuntime, {
      service: 'auth',
      definition: AuthServiceDefinition,
      registry,
    }),
    // Not available in these tests.
    notifications: createGrpcClient(usersRuntime, {
      service: 'notifications',
      definition: NotificationsServiceDefinition,
      registry,
    }),
    trustedOrigins: authDeps.trustedOrigins,
    passwords: createPasswords(usersRuntime.metrics, hashing),
    sealer: createSealerFor(usersRuntime.identity, 'auth'),
    flags: createFlags(),
    nextId: idsOfOneProcess(),
    publicUrl: 'http://rookery.test',
    tokens,
  };
  present.set('auth', await serveGrpc('auth', authRuntime, authGrpc(authDeps)));
  present.set('users', await serveGrpc('users', usersRuntime, usersGrpc(usersDeps)));
  const authApp = auth(authDeps);

  return {
    clock,
    authApp,
    authDeps,
    usersDeps,
    keyRing,
    settings,
    registry,
    /** Names of the services that are unavailable. */
    away,
    callAuth: callerOf(authApp),
    callUsers: callerOf(users(usersDeps)),
    async close() {
      await usersRuntime.close();
      await authRuntime.close();
      await usersStorage.drop();
      await authStorage.drop();
    },
  };
}

/** A separate Redis database: wrong passwords of these tests must not throttle other tests' sign-ins. */
export function throttleRedisUrl(): string {
  const url = new URL(serverVariable('REDIS_URL'));
  url.pathname = '/13';
  return url.href;
}

async function migrated(service: string) {
  const storage = await testDatabase();
  const { log, closing } = testRuntime(service);
  await migrateDatabase({
    address: storage.address,
    folder: `${ROOT}/services/${service}/migrations`,
    log,
    signal: closing,
  });
  return storage;
}

async function serveGrpc(name: string, runtime: ReturnType<typeof testRuntime>, service: GrpcService) {
  const { port } = await startGrpcServer(runtime, {
    host: '127.0.0.1',
    port: 0,
    services: [service],
    audience: name,
  });
  return { host: '127.0.0.1', grpc_port: port, state: 'up' as const };
}
