import type { Registry } from 'prom-client';
import { defineProblem, OVERLOADED_FIELD, type Problem } from '../../errors/problem';
import { createFairLine, type FairLine, type Place } from './fair-line';
import { createServiceTime, type ServiceTime } from './service-time';
import { type DropReason, observeQueue, type QueueMetrics } from './work-queue-metrics';

/** Work is turned away: by a healthy process, which gateways do not eject for it. */
export const ServiceOverloaded = defineProblem('service.busy', 503, 'Service overloaded', {
  [OVERLOADED_FIELD]: '1',
});

/** How long somebody waits for the response to a request. An `IncomingCall` of gRPC is one, and so is a `Request`. */
export interface RequestLifetime {
  /** Aborts when its caller has gone. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds since 1970. */
  readonly deadline?: number | undefined;
}

/** For whom a task is run: one that is still waiting when its lifetime is over is never run. */
export interface Turn extends RequestLifetime {
  /** Waiting tasks take turns by key; all have the same one by default. */
  readonly key?: string | undefined;
  /** Preferred tasks and others take turns. */
  readonly preferred?: boolean | undefined;
}

export interface QueueLimits {
  readonly concurrent: number;
  /** Waiting tasks. */
  readonly waiting: number;
  /**
   * No task waits longer. As many are admitted as are likely to be started in three quarters of that time, by the
   * measured service time. Without it tasks wait for as long as it takes: for work that is done whoever waits.
   */
  readonly waitMs?: number;
  /** The service time that is assumed before any has been measured; 10 ms by default. */
  readonly serviceMs?: number;
}

/** Time, for tests. */
export interface QueueClock {
  /** Milliseconds since 1970, monotonic. */
  now(): number;
  /** @returns cancels the call */
  after(ms: number, call: () => void): () => void;
}

/**
 * The one queue for work that a process can do only so much of at a time. It is bounded by number and by time, forgets
 * tasks whose callers have gone or whose deadline has passed, and turns away early what it could not start in time.
 */
export interface WorkQueue {
  /**
   * Runs a task in its turn, and settles as the task does.
   *
   * @throws ServiceOverloaded with `Retry-After`, and the task has not been run: at once when the queue is full or the
   *   caller has gone, and while it waits when its time is over, or others have a better claim to its place
   */
  run<Result>(task: () => Promise<Result>, turn?: Turn): Promise<Result>;
  /**
   * Keeps a place in the queue while work is done for the sake of a task alone, such as looking up what it is about.
   *
   * @returns gives the place back, right before `run`; further calls have no effect
   * @throws ServiceOverloaded as `run` would at once
   */
  reserve(turn?: Turn): () => void;
}

/** The margin for service times that rise while tasks wait. */
const ADMITTED_SHARE = 0.75;
const SERVICE_MS = 10;

/**
 * First in, first out within a key, round robin between keys. Not last in, first out: that serves newcomers while a
 * standing queue times out, and here none stands (`docs/decisions/0036-bounded-queues.md`).
 *
 * @param options.name of the queue in metrics: a constant, in the plural
 */
export function createWorkQueue(options: {
  name: string;
  metrics: Registry;
  limits: QueueLimits;
  clock?: QueueClock;
  random?: () => number;
}): WorkQueue {
  const { limits, clock = SYSTEM_CLOCK } = options;
  const queue: Queue = {
    limits,
    clock,
    line: createFairLine<Waiting>(),
    service: createServiceTime({
      concurrent: limits.concurrent,
      meanMs: limits.serviceMs ?? SERVICE_MS,
      ...(options.random && { random: options.random }),
    }),
    metrics: observeQueue(options.metrics, options.name),
    running: 0,
    reserved: 0,
  };
  const { line, service, metrics } = queue;
  const changed = () => metrics.changed(queue.running, line.size, service.meanMs);

  changed();

  /** The permit passes to the next in turn, or becomes free. */
  function passOn(): void {
    dropExcess(queue);
    const next = line.takeNext();
    if (next === undefined) queue.running--;
    else next.start();
    changed();
  }

  return {
    async run(task, turn = {}) {
      requireLifetime(queue, turn);
      if (queue.running < limits.concurrent) queue.running++;
      else await waitInLine(queue, turn, changed);
      changed();
      const startedMs = clock.now();
      try {
        return await task();
      } finally {
        service.record(clock.now() - startedMs);
        passOn();
      }
    },
    reserve(turn = {}) {
      requireLifetime(queue, turn);
      if (queue.running + queue.reserved >= limits.concurrent && !mayWait(queue, turn))
        throw overloaded(queue, 'full');
      queue.reserved++;
      let isReserved = true;
      return () => {
        if (isReserved) queue.reserved--;
        isReserved = false;
      };
    },
  };
}

/**
 * Between the steps of a request that are worth to be saved when nobody waits for its response any more.
 *
 * @throws ServiceOverloaded when its caller has gone, or its deadline has passed
 */
export function requireWaiting({ signal, deadline = Infinity }: RequestLifetime): void {
  if (signal?.aborted || Date.now() >= deadline) throw new ServiceOverloaded();
}

interface Waiting {
  start(): void;
  drop(reason: DropReason): void;
}

interface Queue {
  readonly limits: QueueLimits;
  readonly clock: QueueClock;
  readonly line: FairLine<Waiting>;
  readonly service: ServiceTime;
  readonly metrics: QueueMetrics;
  running: number;
  /** Places that are kept for tasks that are being prepared. */
  reserved: number;
}

/** Waits until it is the turn's turn. @throws ServiceOverloaded */
function waitInLine(queue: Queue, turn: Turn, changed: () => void): Promise<void> {
  const { line, clock, metrics } = queue;
  const place = placeOf(turn);
  if (!mayWait(queue, turn)) throw overloaded(queue, 'full');
  if (!hasRoom(queue)) line.displaceFor(place)?.drop('displaced');
  const sinceMs = clock.now();
  return new Promise((resolve, reject) => {
    const leave = (reason: DropReason) => {
      if (line.remove(place, waiting)) waiting.drop(reason);
    };
    const leaveAbandoned = () => leave('abandoned');
    const patienceMs = patienceOf(queue, turn);
    const stopTimer = patienceMs === Infinity ? undefined : clock.after(patienceMs, () => leave('expired'));
    const stopWaiting = () => {
      stopTimer?.();
      turn.signal?.removeEventListener('abort', leaveAbandoned);
    };
    const waiting: Waiting = {
      start() {
        stopWaiting();
        metrics.waited(clock.now() - sinceMs);
        resolve();
      },
      drop(reason) {
        stopWaiting();
        changed();
        reject(overloaded(queue, reason));
      },
    };
    line.add(place, waiting);
    turn.signal?.addEventListener('abort', leaveAbandoned, { once: true });
    changed();
  });
}

const placeOf = ({ key = '', preferred = false }: Turn): Place => ({ key, preferred });

/** How long a task may wait. */
const patienceOf = ({ limits, clock }: Queue, { deadline }: Turn): number =>
  Math.min(limits.waitMs ?? Infinity, deadline === undefined ? Infinity : deadline - clock.now());

function hasRoom({ limits, line, service, running, reserved }: Queue): boolean {
  const { concurrent, waiting, waitMs = Infinity } = limits;
  const reservedInLine = Math.max(0, reserved - (concurrent - running));
  return line.size + reservedInLine < Math.min(waiting, service.startedWithin(waitMs * ADMITTED_SHARE));
}

/** Whether there is room, or others have to give way. */
const mayWait = (queue: Queue, turn: Turn): boolean =>
  hasRoom(queue) || queue.line.mayDisplace(placeOf(turn));

/** Service times have risen: tasks that cannot be started in time any more are told so now, not at the end of their time. */
function dropExcess({ limits, line, service }: Queue): void {
  if (limits.waitMs === undefined) return;
  const most = service.startedWithin(limits.waitMs);
  while (line.size > most) line.takeLast()?.drop('displaced');
}

function requireLifetime(queue: Queue, turn: Turn): void {
  if (turn.signal?.aborted) throw overloaded(queue, 'abandoned');
  if (patienceOf(queue, turn) <= 0) throw overloaded(queue, 'expired');
}

function overloaded({ line, service, clock, metrics }: Queue, reason: DropReason): Problem {
  metrics.dropped(reason);
  // Nobody reads it.
  if (reason === 'abandoned') return new ServiceOverloaded();
  const seconds = service.retryAfterSeconds(line.size, clock.now());
  return new ServiceOverloaded({ headers: { 'retry-after': String(seconds) } });
}

const SYSTEM_CLOCK: QueueClock = {
  now: () => performance.timeOrigin + performance.now(),
  after(ms, call) {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
};
