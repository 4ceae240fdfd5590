/** Messages to oneself that show, by their arrival, that all before them have arrived. */
export interface Barriers {
  /** @returns the message to send, and a promise that resolves when it has arrived */
  open(): { id: string; passed: Promise<void> };
  /** A message has arrived. */
  pass(id: string): void;
  /** Messages may have been lost. */
  fail(failure: unknown): void;
}

/** None is open. */
export function createBarriers(): Barriers {
  const waiting = new Map<string, PromiseWithResolvers<void>>();
  let count = 0;
  return {
    open() {
      const barrier = Promise.withResolvers<void>();
      // Whoever waits for it learns of a failure; sending it may have failed before.
      barrier.promise.catch(() => undefined);
      const id = String(++count);
      waiting.set(id, barrier);
      return { id, passed: barrier.promise };
    },
    pass(id) {
      waiting.get(id)?.resolve();
      waiting.delete(id);
    },
    fail(failure) {
      for (const barrier of waiting.values()) barrier.reject(failure);
      waiting.clear();
    },
  };
}
