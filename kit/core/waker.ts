import { sleep } from './back-off';

/** A wait that another part of the process can cut short. */
export interface Waker {
  /** Ends the current wait; when nobody waits, the next wait returns immediately. */
  wake(): void;
  /** Waits `ms` milliseconds, or until `wake` is called. For one waiter at a time. */
  wait(ms: number): Promise<void>;
}

/** Creates a waker. At shutdown call `wake`, so that the waiter can end. */
export function createWaker(): Waker {
  let alarm = new AbortController();
  return {
    wake: () => alarm.abort(),
    async wait(ms) {
      await sleep(ms, alarm.signal);
      alarm = new AbortController();
    },
  };
}
