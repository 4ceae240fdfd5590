import { DEVELOPMENT_REGISTRY_TOKEN } from '#kit/config/secrets';
import { createLogger } from '#kit/core/log';
import { createRuntime } from '#kit/core/runtime';
import { serveHttp } from '#kit/http/server';
import { registry } from '../../registry';
import { createAddressPolicy, DEVELOPMENT_HOSTS } from '../../registry/access/address-policy';
import { openRegistry, type WatcherLimits } from '../../registry/open-registry';
import type { LeaseRules } from '../../registry/table/expiry';
import { eventually } from './eventually';

/** The shortest lease in whole seconds, so that tests of expiry need not wait half a minute. */
export const SHORT_LEASE: LeaseRules = {
  heartbeatMs: 1_000,
  unhealthyMs: 1_000,
  removedMs: 2_000,
  protectionMs: 600_000,
};

/** Starts a registry in this process, on a free port by default. */
export async function startRegistry(
  options: {
    /** Makes credentials required. */
    token?: string;
    requiresProof?: boolean;
    lease?: LeaseRules;
    redis?: { url: string; group: string };
    watchers?: WatcherLimits;
    port?: number;
    /** By default every address is taken for verified at once, for tests without servers at them. */
    addresses?: 'verified' | 'assumed';
  } = {},
) {
  const log = await createLogger({ name: 'registry', level: 'silent' });
  const runtime = createRuntime({ name: 'registry', version: '0.0.0', log });
  const { lease, token, redis, watchers, port = 0, requiresProof = false, addresses = 'assumed' } = options;
  const deps = await openRegistry(runtime, {
    credentials: { token: token ?? DEVELOPMENT_REGISTRY_TOKEN, required: token !== undefined },
    requiresProof,
    ...(addresses === 'assumed' && { probe: async () => ({ outcome: 'verified' as const }) }),
    addressPolicy: createAddressPolicy(DEVELOPMENT_HOSTS),
    ...(lease && { lease }),
    ...(redis && { redis }),
    ...(watchers && { watchers }),
  });
  const server = serveHttp(runtime, registry(runtime, deps), {
    hostname: '127.0.0.1',
    port,
    strictPort: true,
  });
  runtime.onClose('http', () => server.stop(500));
  runtime.onClose('watchers', deps.close);
  return { url: `http://127.0.0.1:${server.port}`, close: runtime.close };
}

/**
 * Starts a registry process on the given port: the production entry point, or one with short leases.
 */
export async function spawnRegistry(
  port: number,
  environment: Record<string, string> = {},
  lease: 'default' | 'short' = 'default',
) {
  const main = lease === 'short' ? 'tests/support/short-lease-registry.ts' : 'registry/main.ts';
  const child = Bun.spawn([process.execPath, `${import.meta.dir}/../../${main}`], {
    env: { ...process.env, NODE_ENV: 'development', PORT: String(port), LOG_LEVEL: 'silent', ...environment },
    stdout: 'ignore',
    stderr: 'pipe',
  });
  const url = `http://127.0.0.1:${port}`;
  await eventually(async () => {
    if (child.exitCode !== null)
      throw new Error(`the registry exited: ${await new Response(child.stderr).text()}`);
    return (await fetch(`${url}/health`)).ok;
  });
  return {
    url,
    child,
    async kill() {
      child.kill('SIGKILL');
      await child.exited;
    },
  };
}

export function freePort(): number {
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response() });
  const { port } = server;
  void server.stop(true);
  if (port === undefined) throw new Error('No port is free');
  return port;
}
