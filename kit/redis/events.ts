import type { Logger } from '../core/log';

/** What happens to the connections of a Redis. */
export interface RedisEvents {
  ready(): void;
  lost(failure: unknown): void;
  onReady(listener: () => void): void;
  onLost(listener: () => void): void;
}

/** Tells those who listen, and the log once in each outage. */
export function createRedisEvents(log: Logger): RedisEvents {
  const onReady = new Set<() => void>();
  const onLost = new Set<() => void>();
  let isUnavailable = false;
  return {
    ready() {
      if (isUnavailable) log.info('Redis is available again');
      isUnavailable = false;
      for (const listener of onReady) listener();
    },
    lost(failure) {
      if (!isUnavailable) log.warn({ err: failure }, 'Redis is unavailable; reconnecting');
      isUnavailable = true;
      for (const listener of onLost) listener();
    },
    onReady: (listener) => void onReady.add(listener),
    onLost: (listener) => void onLost.add(listener),
  };
}

/** What all connections to a Redis have in common. */
export interface RedisOptions {
  /** Shown by `CLIENT LIST`. */
  readonly name: string;
  /** A command without a reply for that long is rejected, and its connection opened again. */
  readonly replyTimeoutMs: number;
  /** Whether calls that a cluster would reject are rejected on one server as well. */
  readonly checksKeys: boolean;
  readonly events: RedisEvents;
}
