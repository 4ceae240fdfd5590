import { defineProblem } from '../errors/problem';

export const ServiceOverloaded = defineProblem(
  'service.busy',
  503,
  'Too much is asked of this service at the moment',
);

/** Seconds a client that was turned away is asked to wait: a full line is served in about that time. */
const RETRY_AFTER_SECONDS = 2;

/**
 * Runs at most `concurrent` tasks at once and lets `waiting` more wait in line, first come first served.
 *
 * @returns runs a task in its turn and settles as the task does
 * @throws ServiceOverloaded when the line is full
 */
export function limitConcurrency(limits: { concurrent: number; waiting: number }) {
  let free = limits.concurrent;
  const line: (() => void)[] = [];
  return async <Result>(task: () => Promise<Result>): Promise<Result> => {
    if (free > 0) free--;
    else if (line.length < limits.waiting) await new Promise<void>((resolve) => line.push(resolve));
    else throw new ServiceOverloaded({ headers: { 'retry-after': String(RETRY_AFTER_SECONDS) } });
    try {
      return await task();
    } finally {
      // The place goes to the next in line, or becomes free.
      const next = line.shift();
      if (next) next();
      else free++;
    }
  };
}
