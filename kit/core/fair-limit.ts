import { ServiceOverloaded } from './concurrency-limit';

/** Who waits for a permit, and for how long. */
export interface Turn {
  /** Waiting tasks take turns by key: many of one key delay the others of that key, not those of another. */
  readonly key: string;
  /** A task that is still waiting when it aborts is never run. */
  readonly signal?: AbortSignal | undefined;
  /** May use the reserved places of the queue, and gets every second permit. */
  readonly preferred?: boolean;
}

export interface FairLimits {
  readonly concurrent: number;
  /** Waiting tasks, of all keys together. */
  readonly waiting: number;
  /** Waiting tasks of one key. */
  readonly perKey: number;
  /** Further places in the queue for preferred tasks, so that a flood of others does not keep them out. */
  readonly reserved: number;
}

/** A full queue drains in about this time. */
const RETRY_AFTER_SECONDS = 5;

interface Waiting {
  readonly start: () => void;
}

/** Waiting tasks by key, in the order of their turns. */
type Queues = Map<string, Set<Waiting>>;

/**
 * Runs at most `concurrent` tasks at a time. Waiting tasks are queued by key, and a free permit goes to the keys in turn
 * (round robin), so that nobody who fills their own queue delays anybody else by more than one task. Preferred and other
 * tasks take turns as well, so that however many keys there are of one kind, they do not delay the other.
 *
 * @returns a function that runs a task once it has a permit, and settles as the task does. It throws ServiceOverloaded
 *   at once when the queue is full, and when the signal aborts before the task has started
 */
export function limitFairly(limits: FairLimits) {
  let free = limits.concurrent;
  let waiting = 0;
  const preferredQueues: Queues = new Map();
  const otherQueues: Queues = new Map();
  let isPreferredTurn = true;

  function leave(queues: Queues, key: string, place: Waiting): boolean {
    const queue = queues.get(key);
    if (queue?.delete(place) !== true) return false;
    if (queue.size === 0) queues.delete(key);
    waiting--;
    return true;
  }

  const queuesOf = ({ preferred = false }: Turn) => (preferred ? preferredQueues : otherQueues);

  function hasPlace(turn: Turn): boolean {
    const places = limits.waiting + (turn.preferred ? limits.reserved : 0);
    return waiting < places && (queuesOf(turn).get(turn.key)?.size ?? 0) < limits.perKey;
  }

  function wait(turn: Turn): Promise<void> {
    const { key, signal } = turn;
    const queues = queuesOf(turn);
    return new Promise((resolve, reject) => {
      const abort = () => {
        if (leave(queues, key, place)) reject(overloaded());
      };
      const place = {
        start() {
          signal?.removeEventListener('abort', abort);
          resolve();
        },
      };
      queues.set(key, (queues.get(key) ?? new Set()).add(place));
      waiting++;
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  function startNext(queues: Queues): boolean {
    for (const [key, queue] of queues)
      for (const place of queue) {
        leave(queues, key, place);
        // To the end of the turns, where it has more to do.
        if (queues.delete(key)) queues.set(key, queue);
        place.start();
        return true;
      }
    return false;
  }

  /** The permit passes to the next in turn, or becomes free. */
  function passOn(): void {
    const [first, second] = isPreferredTurn ? [preferredQueues, otherQueues] : [otherQueues, preferredQueues];
    isPreferredTurn = !isPreferredTurn;
    if (!startNext(first) && !startNext(second)) free++;
  }

  return async <Result>(turn: Turn, task: () => Promise<Result>): Promise<Result> => {
    if (turn.signal?.aborted) throw overloaded();
    if (free > 0) free--;
    else if (hasPlace(turn)) await wait(turn);
    else throw overloaded();
    try {
      return await task();
    } finally {
      passOn();
    }
  };
}

const overloaded = () => new ServiceOverloaded({ headers: { 'retry-after': String(RETRY_AFTER_SECONDS) } });
