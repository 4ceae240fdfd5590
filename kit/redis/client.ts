import { createClient } from 'redis';
import { backOffMs } from '../core/back-off';
import type { Runtime } from '../core/runtime';
import { withTimeout } from '../core/runtime';

const COMMAND_TIMEOUT_MS = 2_000;
/** Commands waiting for a connection; beyond that they fail immediately instead of filling memory. */
const QUEUE_LENGTH = 10_000;

export type Redis = ReturnType<typeof connect>;

/**
 * Opens Redis. The client reconnects for ever, with jittered back-off, and commands fail immediately while Redis is
 * unavailable. Returns within two seconds even then: a process does not need Redis to start.
 *
 * @param options.required whether `/readyz` responds with 503 while Redis is unavailable
 */
export async function openRedis(
  runtime: Runtime,
  options: { url: string; required: boolean },
): Promise<Redis> {
  const redis = connect(options.url);
  let unavailable = false;
  redis.on('error', (failure: Error) => {
    if (!unavailable) runtime.log.warn({ err: failure.message }, 'Redis is unavailable; reconnecting');
    unavailable = true;
  });
  redis.on('ready', () => {
    if (unavailable) runtime.log.info('Redis is available again');
    unavailable = false;
  });
  runtime.dependency({
    name: 'redis',
    required: options.required,
    check: async () => {
      await redis.ping();
      return undefined;
    },
  });
  runtime.onClose('redis', () => redis.destroy());
  const connected = redis.connect();
  // The client keeps retrying, and its error event has reported the failure.
  await withTimeout(connected, COMMAND_TIMEOUT_MS, 'connecting to Redis').catch(() => undefined);
  return redis;
}

function connect(url: string) {
  return createClient({
    url,
    disableOfflineQueue: true,
    commandsQueueMaxLength: QUEUE_LENGTH,
    commandOptions: { timeout: COMMAND_TIMEOUT_MS },
    socket: {
      connectTimeout: 3_000,
      reconnectStrategy: (attempts: number) => 50 + backOffMs(attempts + 1, { baseMs: 100, capMs: 2_000 }),
    },
    pingInterval: 15_000,
  });
}
