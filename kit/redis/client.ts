import { createClient } from 'redis';
import { backOffMs } from '../core/back-off';
import type { Runtime } from '../core/runtime';
import { withTimeout } from '../core/runtime';

/** How long a command may wait for its answer before it counts as failed. */
const COMMAND_TIMEOUT_MS = 2_000;
/** Commands waiting for a connection; beyond it they fail at once instead of filling memory. */
const QUEUE_LENGTH = 10_000;

export type Redis = ReturnType<typeof connect>;

/**
 * Opens a connection that mends itself: reconnects for ever, with jitter, and fails commands quickly while Redis
 * is away. Returns at once; a process does not have to wait for Redis to start.
 *
 * @param required whether `/readyz` answers 503 while Redis is away
 */
export async function openRedis(
  runtime: Runtime,
  options: { url: string; required: boolean },
): Promise<Redis> {
  const redis = connect(options.url);
  let away = false;
  redis.on('error', (failure: Error) => {
    if (!away) runtime.log.warn({ err: failure.message }, 'Redis is away; trying again until it is back');
    away = true;
  });
  redis.on('ready', () => {
    if (away) runtime.log.info('Redis is back');
    away = false;
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
  // The client goes on trying by itself: a failure here is already told by its error event.
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
