import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { openIdentity, type PublishedKey, privateKeyOf, publicKeyText } from '#kit/core/identity';
import { createLogger } from '#kit/core/log';
import { createRuntime } from '#kit/core/runtime';
import { registrationCredential } from '#kit/registry/credential';
import { registerInstance } from '#kit/registry/lease';
import { serveAuth } from './auth';

const keyPair = (name: string) => {
  const seed = randomBytes(32);
  return { seed: seed.toString('base64url'), published: { name, key: publicKeyText(privateKeyOf(seed)) } };
};

const KEYS = { gateway: keyPair('gateway'), auth: keyPair('auth') };
const PUBLISHED: PublishedKey[] = Object.values(KEYS).map(({ published }) => published);

/** Settings of our own processes: as in production, isolated from other systems on the machine. */
export const SETTINGS = {
  JWT_ALG: 'HS256',
  JWT_SECRET: 'a-secret-for-the-benchmark-of-32-characters',
  INTERNAL_SECRET: 'another-secret-for-the-benchmark',
  SERVICE_KEY: KEYS.gateway.seed,
  SERVICE_KEYS: PUBLISHED.map(({ name, key }) => `${name}=${key}`).join(' '),
  REGISTRY_TOKEN: 'a-token-for-the-benchmark',
  REGISTRY_ALLOWED_HOSTS: '127.0.0.1',
  // The upstream is nginx, which knows nothing of registries.
  REGISTRY_REQUIRE_PROOF: 'false',
  PUBLIC_URL: 'http://127.0.0.1',
  JWT_ISSUER: 'http://127.0.0.1',
  // Production needs credentials; no server is running.
  AMQP_USER: 'gateway',
  AMQP_PASSWORD: 'a-password-for-the-benchmark',
  REDIS_PASSWORD: 'a-password-for-the-benchmark',
  // Enabled as in production, but above the load, which comes from one address and one person.
  RATE_LIMIT_PER_MINUTE: '60000000',
  RATE_LIMIT_SIGN_IN_PER_MINUTE: '20',
  RATE_LIMIT_REGISTRATION_PER_MINUTE: '10',
  RATE_LIMIT_PASSWORD_RESET_PER_MINUTE: '5',
};

const ROOT = join(import.meta.dir, '..', '..');

/** Our registry, as deployed. */
export const registryProcess = (port: number) => ownProcess(ROOT, 'registry/main.ts', { PORT: String(port) });

/**
 * Our gateway, as deployed. Rate limits are enabled but not shared, as there is no Redis.
 *
 * @param options.checkout the folder of the repository: of another one, to compare with
 */
export const gatewayProcess = (options: {
  checkout?: string | undefined;
  port: number;
  registryUrl: string;
  workers: number;
}) =>
  ownProcess(options.checkout ?? ROOT, 'gateway/main.ts', {
    PORT: String(options.port),
    REGISTRY_URL: options.registryUrl,
    GATEWAY_WORKERS: String(options.workers),
  });

const ownProcess = (checkout: string, main: string, env: Record<string, string>) => ({
  command: [process.execPath, join(checkout, main)],
  env: { ...SETTINGS, ...env },
});

/** The services of the upstream: an instance of each is at every of its ports. */
const SERVICES = [
  {
    name: 'greetings',
    instances: 3,
    paths: ['/greetings', '/greetings/:id', '/greetings/:id/comments/:comment'],
  },
  { name: 'timelines', instances: 3, paths: ['/posts/home/:username', '/posts', '/posts/:id'] },
  ...Array.from({ length: 14 }, (_, number) => {
    const name = `others-${number}`;
    return { name, instances: 1, paths: [`/${name}`, `/${name}/:id`, `/${name}/:id/comments/:comment`] };
  }),
];

/** How many ports the upstream listens on. */
export const UPSTREAM_PORTS = SERVICES.reduce((sum, { instances }) => sum + instances, 0);

/**
 * Registers the upstream as several services until `leave` is called; and an auth service, from which the gateway loads
 * the revocations of access tokens.
 */
export async function registerUpstream(
  registryUrl: string,
  ports: readonly number[],
): Promise<{ registered: Promise<unknown>; leave(): Promise<unknown> }> {
  const log = await createLogger({ name: 'bench', level: 'error' });
  const identity = openIdentity('auth', { SERVICE_KEY: KEYS.auth.seed, SERVICE_KEYS: PUBLISHED });
  const runtime = createRuntime({ name: 'auth', version: '0.0.0', log, identity });
  const credentialOf = (name: string) => registrationCredential(SETTINGS.REGISTRY_TOKEN, name);
  const register = (name: string, port: number, paths: readonly string[]) =>
    registerInstance(runtime, {
      urls: [registryUrl],
      credential: credentialOf(name),
      registration: {
        name,
        version: '0.0.0',
        host: '127.0.0.1',
        port,
        verify: 'http',
        health_path: '/',
        auth_by: 'service',
        routes: ['GET', 'PUT', 'DELETE'].flatMap((method) =>
          paths.map((path) => ({ method, path, auth: 'user' })),
        ),
      },
    });
  const free = [...ports];
  const leases = SERVICES.flatMap(({ name, instances, paths }) =>
    free.splice(0, instances).map((port) => register(name, port, paths)),
  );
  await serveAuth(runtime, { url: registryUrl, credential: credentialOf('auth') });
  return {
    registered: Promise.all(leases.map(({ registered }) => registered)),
    async leave() {
      await Promise.all(leases.map((lease) => lease.deregister()));
      await runtime.close();
    },
  };
}
