import { backOffMs, retryForever, sleep } from './back-off';
import type { Logger } from './log';

/** Something that breaks and is opened again for ever: a connection, or a channel on one. */
export interface Reconnecting<Resource> {
  /** What is open now; undefined while it is away. */
  readonly current: Resource | undefined;
  /**
   * Waits until it is open.
   *
   * @throws when it has been closed for good
   */
  opened(): Promise<Resource>;
  /** Ends it for good. */
  close(): Promise<void>;
}

/** What lived for less than this has not really worked: the next wait grows as after a failure. */
const SHORT_LIFE_MS = 5_000;
const PACE = { baseMs: 200, capMs: 2_000 };

/**
 * Opens something now and again whenever it ends, with jittered back-off, until it is closed. Returns at once:
 * a process starts whether or not the other side is there yet, and says so in its log.
 *
 * @param open resolves with the resource and a promise that resolves with the reason once it has ended
 */
export function keepConnected<Resource>(options: {
  what: string;
  log: Logger;
  open: (signal: AbortSignal) => Promise<{ resource: Resource; ended: Promise<unknown> }>;
  close: (resource: Resource) => Promise<void> | void;
}): Reconnecting<Resource> {
  const { what, log, open, close } = options;
  const stop = new AbortController();
  let current: Resource | undefined;
  let next = Promise.withResolvers<Resource>();
  next.promise.catch(() => undefined);

  async function openAgain() {
    let away = false;
    const opened = await retryForever(() => open(stop.signal), {
      signal: stop.signal,
      ...PACE,
      onFailure: (failure) => {
        if (!away) log.warn({ err: reasonOf(failure) }, `${what} is away; trying again until it is back`);
        away = true;
      },
    });
    if (away) log.info(`${what} is back`);
    return opened;
  }

  async function run() {
    let shortLives = 0;
    while (!stop.signal.aborted) {
      const { resource, ended } = await openAgain();
      if (stop.signal.aborted) return void (await close(resource));
      const openedAt = performance.now();
      current = resource;
      next.resolve(resource);
      const reason = await ended;
      current = undefined;
      if (stop.signal.aborted) return;
      next = Promise.withResolvers<Resource>();
      next.promise.catch(() => undefined);
      log.warn({ err: reasonOf(reason) }, `${what} was lost; opening it again`);
      shortLives = performance.now() - openedAt < SHORT_LIFE_MS ? shortLives + 1 : 0;
      if (shortLives > 1) await sleep(backOffMs(shortLives, PACE), stop.signal);
    }
  }

  const running = run().catch((failure: unknown) => {
    if (!stop.signal.aborted) log.error({ err: failure }, `${what} is given up`);
  });

  return {
    get current() {
      return current;
    },
    opened: () => next.promise,
    async close() {
      if (stop.signal.aborted) return;
      stop.abort();
      next.reject(new Error(`${what} has been closed`));
      if (current !== undefined) await close(current);
      await running;
    },
  };
}

const reasonOf = (failure: unknown): string | undefined =>
  failure instanceof Error
    ? failure.message || failure.name
    : failure === undefined
      ? undefined
      : String(failure);
