import { join } from 'node:path';
import { createLogger } from '#kit/core/log';
import { createRuntime } from '#kit/core/runtime';
import { registrationCredential } from '#kit/registry/credential';
import { type InstanceLease, registerInstance } from '#kit/registry/lease';

/** Settings of our own processes: as in production, isolated from other systems on the machine. */
const SETTINGS = {
  JWT_ALG: 'HS256',
  JWT_SECRET: 'a-secret-for-the-benchmark-of-32-characters',
  INTERNAL_SECRET: 'another-secret-for-the-benchmark',
  REGISTRY_TOKEN: 'a-token-for-the-benchmark',
  REGISTRY_ALLOWED_HOSTS: '127.0.0.1',
  PUBLIC_URL: 'http://127.0.0.1',
  JWT_ISSUER: 'http://127.0.0.1',
  // Production needs credentials; no server is running.
  AMQP_USER: 'benchmark',
  AMQP_PASSWORD: 'a-password-for-the-benchmark',
  REDIS_PASSWORD: 'a-password-for-the-benchmark',
  // Enabled as in production, but above the load, which comes from one address.
  RATE_LIMIT_PER_MINUTE: '60000000',
  RATE_LIMIT_SIGN_IN_PER_MINUTE: '20',
  RATE_LIMIT_REGISTRATION_PER_MINUTE: '10',
  RATE_LIMIT_PASSWORD_RESET_PER_MINUTE: '5',
};

const ROOT = join(import.meta.dir, '..', '..');

/** Our gateway with a registry, as deployed. Rate limits are enabled but not shared, as there is no Redis. */
export function ownProcesses(ports: { registry: number; gateway: number }) {
  const registryUrl = `http://127.0.0.1:${ports.registry}`;
  const run = (main: string, port: number) => ({
    command: [process.execPath, join(ROOT, main)],
    env: { ...SETTINGS, PORT: String(port), REGISTRY_URL: registryUrl },
  });
  return {
    registryUrl,
    registry: run('registry/main.ts', ports.registry),
    gateway: run('gateway/main.ts', ports.gateway),
  };
}

/** Registers the upstream as one of several services, with one instance per port, until the leases are released. */
export async function registerUpstream(
  registryUrl: string,
  ports: readonly number[],
): Promise<InstanceLease[]> {
  const log = await createLogger({ name: 'bench', level: 'silent' });
  const runtime = createRuntime({ name: 'bench', version: '0.0.0', log });
  const register = (name: string, port: number) =>
    registerInstance(runtime, {
      urls: [registryUrl],
      credential: registrationCredential(SETTINGS.REGISTRY_TOKEN, name),
      registration: {
        name,
        version: '0.0.0',
        host: '127.0.0.1',
        port,
        verify: 'http',
        health_path: '/',
        routes: ['GET', 'PUT', 'DELETE'].flatMap((method) => [
          { method, path: `/${name}`, auth: 'public' },
          { method, path: `/${name}/:id`, auth: 'public' },
          { method, path: `/${name}/:id/comments/:comment`, auth: 'public' },
        ]),
      },
    });
  const others = Array.from({ length: 14 }, (_, number) => register(`others-${number}`, ports[0] ?? 0));
  const leases = [...ports.map((port) => register('greetings', port)), ...others];
  await Promise.all(leases.map(({ registered }) => registered));
  return leases;
}
