import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { Registry } from 'prom-client';
import {
  createWorkQueue,
  type QueueLimits,
  requireWaiting,
  ServiceOverloaded,
  type Turn,
} from './work-queue';

/** A clock that stands still until it is advanced. */
function fakeClock() {
  const timers = new Set<{ atMs: number; call: () => void }>();
  let nowMs = 1_000_000;
  return {
    now: () => nowMs,
    after(ms: number, call: () => void) {
      const timer = { atMs: nowMs + ms, call };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    advance(ms: number) {
      nowMs += ms;
      for (const timer of timers) if (timer.atMs <= nowMs && timers.delete(timer)) timer.call();
    },
  };
}

/** A queue on a clock of its own, whose tasks end when the test says so. */
function held(limits: QueueLimits) {
  const clock = fakeClock();
  const metrics = new Registry();
  const queue = createWorkQueue({ name: 'tests', metrics, limits, clock, random: () => 0 });
  const running = new Map<string, () => void>();
  const started: string[] = [];
  const dropped: string[] = [];

  return {
    clock,
    queue,
    started,
    dropped,
    running,
    run(name: string, turn: Turn = {}): Promise<unknown> {
      const task = () => {
        started.push(name);
        return new Promise<void>((resolve) => running.set(name, resolve));
      };
      return queue.run(task, turn).catch((failure: unknown) => {
        expect(failure).toBeInstanceOf(ServiceOverloaded);
        dropped.push(name);
        return failure;
      });
    },
    async end(name: string) {
      running.get(name)?.();
      running.delete(name);
      await settled();
    },
    droppedFor: async (reason: string) => {
      const values = (await metrics.getSingleMetric('work_queue_dropped_total')?.get())?.values ?? [];
      return values.find(({ labels }) => labels.reason === reason)?.value ?? 0;
    },
    waiting: async () => {
      const values = (await metrics.getSingleMetric('work_queue_tasks')?.get())?.values ?? [];
      return values.find(({ labels }) => labels.state === 'waiting')?.value;
    },
  };
}

/** What follows from settled promises has happened. */
const settled = async () => {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
};

test('a queue that is full by number turns away at once', async () => {
  const { run, started, dropped, end } = held({ concurrent: 1, waiting: 2 });
  for (const name of ['a', 'b', 'c', 'd']) void run(name);
  await settled();
  expect([started, dropped]).toEqual([['a'], ['d']]);
  await end('a');
  await end('b');
  expect(started).toEqual(['a', 'b', 'c']);
});

test('a queue is full when newcomers could not be started in three quarters of the time, by the measured service time', async () => {
  const { run, clock, dropped, end, running } = held({
    concurrent: 4,
    waiting: 1_000,
    waitMs: 1_000,
    serviceMs: 100,
  });
  for (let task = 0; task < 40; task++) void run(String(task));
  await settled();
  expect(dropped).toEqual(['34', '35', '36', '37', '38', '39']);
  // It turns out that tasks take four times as long. Those at the end are told so as soon as that is known.
  clock.advance(400);
  for (const name of [...running.keys()]) await end(name);
  expect(dropped).toContain('33');
  expect(dropped).not.toContain('10');
});

test('a refusal says when to try again', async () => {
  const { run } = held({ concurrent: 1, waiting: 1_000, waitMs: 60_000, serviceMs: 1_000 });
  let last: Promise<unknown> = Promise.resolve();
  for (let task = 0; task < 47; task++) last = run(String(task));
  expect(await last).toMatchObject({ status: 503, headers: { 'retry-after': '30' } });
});

test('nobody waits longer than the time, or than the deadline of the request', async () => {
  const { run, clock, dropped, started, end, droppedFor, waiting } = held({
    concurrent: 1,
    waiting: 10,
    waitMs: 1_000,
  });
  void run('a');
  void run('b');
  void run('c', { deadline: clock.now() + 400 });
  clock.advance(400);
  await settled();
  expect(dropped).toEqual(['c']);
  clock.advance(600);
  await settled();
  expect(dropped).toEqual(['c', 'b']);
  expect([await droppedFor('expired'), await waiting()]).toEqual([2, 0]);
  void run('d', { deadline: clock.now() });
  await end('a');
  expect(started).toEqual(['a']);
});

test('a task whose caller goes while it waits is never run, and leaves its place to another', async () => {
  const { run, started, dropped, end, droppedFor } = held({ concurrent: 1, waiting: 1 });
  void run('a');
  const caller = new AbortController();
  void run('b', { signal: caller.signal });
  caller.abort();
  void run('c', { signal: caller.signal });
  void run('d');
  await settled();
  await end('a');
  expect([started, dropped]).toEqual([
    ['a', 'd'],
    ['c', 'b'],
  ]);
  expect(await droppedFor('abandoned')).toBe(2);
});

test('whoever fills the queue gives way to others, and is told so', async () => {
  const { run, queue, started, dropped, end } = held({ concurrent: 1, waiting: 3 });
  for (const name of ['a0', 'a1', 'a2', 'a3']) void run(name, { key: 'a' });
  expect(() => queue.reserve({ key: 'a' })).toThrow(ServiceOverloaded);
  queue.reserve({ key: 'b' })();
  void run('b1', { key: 'b' });
  void run('c1', { key: 'c', preferred: true });
  await settled();
  expect(dropped).toEqual(['a3', 'a2']);
  for (const name of ['a0', 'c1', 'a1']) await end(name);
  expect(started).toEqual(['a0', 'c1', 'a1', 'b1']);
});

test('a place is kept while something is looked up, and given back once', async () => {
  const { run, queue, dropped, started } = held({ concurrent: 1, waiting: 2 });
  const releases = [queue.reserve(), queue.reserve(), queue.reserve()];
  expect(() => queue.reserve()).toThrow(ServiceOverloaded);
  expect(() => queue.reserve({ signal: AbortSignal.abort() })).toThrow(ServiceOverloaded);
  for (const [number, release] of releases.entries()) {
    release();
    release();
    void run(String(number));
  }
  await settled();
  expect([started, dropped]).toEqual([['0'], []]);
  expect(() => queue.reserve()).toThrow(ServiceOverloaded);
});

test('a task that fails passes its permit on', async () => {
  const { queue } = held({ concurrent: 1, waiting: 1 });
  const failing = queue.run(() => Promise.reject(new Error('of the task')));
  const next = queue.run(async () => 'ran');
  await expect(failing).rejects.toThrow('of the task');
  expect(await next).toBe('ran');
});

test('between the steps of a request, work stops when nobody waits any more', () => {
  requireWaiting({});
  requireWaiting({ signal: new AbortController().signal, deadline: Date.now() + 60_000 });
  expect(() => requireWaiting({ signal: AbortSignal.abort() })).toThrow(ServiceOverloaded);
  expect(() => requireWaiting({ deadline: Date.now() - 1 })).toThrow(ServiceOverloaded);
});

const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('come'), key: fc.constantFrom('a', 'b', 'c'), preferred: fc.boolean() }),
    fc.record({ kind: fc.constantFrom('end', 'go'), pick: fc.nat(50) }),
    fc.record({ kind: fc.constant('pass'), ms: fc.nat(400) }),
  ),
  { maxLength: 80 },
);

test('every task runs or is dropped, never both; never more than the permits at a time, and none waits longer than the time', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (sequence) => {
      const limits = { concurrent: 2, waiting: 6, waitMs: 1_000, serviceMs: 50 };
      const { run, clock, running, started, dropped, end } = held(limits);
      const callers = new Map<string, { controller: AbortController; cameAtMs: number }>();
      for (const [index, step] of sequence.entries()) {
        if ('key' in step) {
          const controller = new AbortController();
          callers.set(String(index), { controller, cameAtMs: clock.now() });
          void run(String(index), { key: step.key, preferred: step.preferred, signal: controller.signal });
        } else if ('ms' in step) clock.advance(step.ms);
        else if (step.kind === 'end') await end([...running.keys()][step.pick % running.size] ?? '');
        else [...callers.values()][step.pick % callers.size]?.controller.abort();
        await settled();
        expect(running.size).toBeLessThanOrEqual(2);
        for (const [name, { cameAtMs }] of callers)
          if (!started.includes(name) && !dropped.includes(name))
            expect(clock.now() - cameAtMs).toBeLessThan(limits.waitMs);
      }
      while (running.size > 0) for (const name of [...running.keys()]) await end(name);
      expect([...started, ...dropped].sort()).toEqual([...callers.keys()].sort());
    }),
  );
});
