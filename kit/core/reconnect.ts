import { backOffMs, retryForever, sleep } from './back-off';
import type { Logger } from './log';

/** A resource that is opened again whenever it breaks: a connection, or a channel of one. */
export interface Reconnecting<Resource> {
  /** The open resource; undefined while it is unavailable. */
  readonly current: Resource | undefined;
  /**
   * Waits until it is open.
   *
   * @throws once `close` has been called
   */
  opened(): Promise<Resource>;
  /** Closes it permanently. */
  close(): Promise<void>;
}

/** A resource that lived for less than this counts as a failure: the next back-off grows. */
const SHORT_LIFE_MS = 5_000;
const PACE = { baseMs: 200, capMs: 2_000 };

/**
 * Opens a resource and opens it again whenever it breaks, with jittered back-off, until it is closed. Returns
 * immediately: a process starts whether or not the other side is available, and logs it.
 *
 * @param options.what names the resource in the log
 * @param options.open resolves with the resource and a promise of the reason for which it ended
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

  async function openWithRetries() {
    let unavailable = false;
    const opened = await retryForever(() => open(stop.signal), {
      signal: stop.signal,
      ...PACE,
      onFailure: (failure) => {
        if (!unavailable) log.warn({ err: reasonOf(failure) }, `${what} is unavailable; reconnecting`);
        unavailable = true;
      },
    });
    if (unavailable) log.info(`${what} is available again`);
    return opened;
  }

  async function run() {
    let shortLives = 0;
    while (!stop.signal.aborted) {
      const { resource, ended } = await openWithRetries();
      if (stop.signal.aborted) return void (await close(resource));
      const openedAt = performance.now();
      current = resource;
      next.resolve(resource);
      const reason = await ended;
      current = undefined;
      if (stop.signal.aborted) return;
      next = Promise.withResolvers<Resource>();
      next.promise.catch(() => undefined);
      log.warn({ err: reasonOf(reason) }, `${what} was lost; reconnecting`);
      shortLives = performance.now() - openedAt < SHORT_LIFE_MS ? shortLives + 1 : 0;
      if (shortLives > 1) await sleep(backOffMs(shortLives, PACE), stop.signal);
    }
  }

  const running = run().catch((failure: unknown) => {
    if (!stop.signal.aborted) log.error({ err: failure }, `${what} failed; not reconnecting`);
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
