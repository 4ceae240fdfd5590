import { type Runtime, withTimeout } from '../core/runtime';
import { parseRedisAddress } from './address';
import { openCluster } from './cluster/cluster';
import type { ClosableRedis, Redis } from './commands';
import { createRedisEvents, type RedisOptions } from './events';
import { findMaster, requireMaster } from './sentinel';
import { openServer } from './server';

const COMMAND_TIMEOUT_MS = 2_000;
/** How long a process waits for Redis when it starts. */
const OPEN_TIMEOUT_MS = 2_000;

/**
 * Opens Redis. It is connected again for ever, with jittered back-off, and commands fail immediately while it is
 * unavailable. Returns within seconds even then: a process does not need Redis to start.
 *
 * @param options.url REDIS_URL (`kit/config/redis-url`)
 * @param options.required whether `/readyz` responds with 503 while Redis is unavailable
 * @param options.commandTimeoutMs a command waits no longer for its reply; 2 s by default
 */
export async function openRedis(
  runtime: Runtime,
  options: { url: string; required: boolean; commandTimeoutMs?: number },
): Promise<Redis> {
  const events = createRedisEvents(runtime.log);
  const connected = Promise.withResolvers<void>();
  events.onReady(connected.resolve);
  const redis = open(options.url, {
    name: runtime.name,
    replyTimeoutMs: options.commandTimeoutMs ?? COMMAND_TIMEOUT_MS,
    checksKeys: !runtime.production,
    events,
  });
  runtime.dependency({
    name: 'redis',
    required: options.required,
    check: async () => {
      await redis.ping();
      return undefined;
    },
  });
  runtime.onClose('redis', redis.close);
  // It goes on connecting, and the failure is in the log.
  await withTimeout(connected.promise, OPEN_TIMEOUT_MS, 'connecting to Redis').catch(() => undefined);
  return redis;
}

function open(url: string, options: RedisOptions): ClosableRedis {
  const address = parseRedisAddress(url);
  const { access } = address;
  switch (address.kind) {
    case 'server':
      return openServer(options, { access, locate: async () => address.server });
    case 'sentinel':
      return openServer(options, { access, locate: () => findMaster(address), verify: requireMaster });
    case 'cluster':
      return openCluster(options, address);
  }
}
