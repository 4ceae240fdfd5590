import { defineProblem } from '../errors/problem';

export const ServiceOverloaded = defineProblem('service.busy', 503, 'Service overloaded');

/** A full queue drains in about this time. */
const RETRY_AFTER_SECONDS = 2;

/**
 * Runs at most `concurrent` tasks at a time and queues up to `waiting` more, first in, first out.
 *
 * @returns a function that runs a task once it has a permit, and settles as the task does. It throws ServiceOverloaded
 *   when the queue is full
 */
export function limitConcurrency(limits: { concurrent: number; waiting: number }) {
  let free = limits.concurrent;
  const queue: (() => void)[] = [];
  return async <Result>(task: () => Promise<Result>): Promise<Result> => {
    if (free > 0) free--;
    else if (queue.length < limits.waiting) await new Promise<void>((resolve) => queue.push(resolve));
    else throw new ServiceOverloaded({ headers: { 'retry-after': String(RETRY_AFTER_SECONDS) } });
    try {
      return await task();
    } finally {
      // The permit passes to the next in the queue, or becomes free.
      const next = queue.shift();
      if (next) next();
      else free++;
    }
  };
}
