import { expect, test } from 'bun:test';
import { ServiceOverloaded } from './concurrency-limit';
import { limitFairly } from './fair-limit';

const LIMITS = { concurrent: 1, waiting: 6, perKey: 4, reserved: 1 };

/** A limit whose only permit is held until `release` is called, and the order in which the others ran. */
function held(limits = LIMITS) {
  const withTurn = limitFairly(limits);
  const { promise, resolve: release } = Promise.withResolvers<void>();
  const ran: string[] = [];
  const first = withTurn({ key: 'first' }, () => promise);
  const run = (name: string, options: { signal?: AbortSignal; preferred?: boolean } = {}) =>
    withTurn({ key: name.charAt(0), ...options }, async () => void ran.push(name));
  return { run, ran, first, release };
}

test('waiting tasks take turns by key, so that many of one do not delay those of another', async () => {
  const { run, ran, first, release } = held();
  const tasks = ['a1', 'a2', 'a3', 'b1', 'c1', 'b2'].map((name) => run(name));
  release();
  await Promise.all([first, ...tasks]);
  expect(ran).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3']);
});

test('a full queue, of one key or of all, rejects at once; preferred tasks have reserved places', async () => {
  const { run, ran, first, release } = held();
  const tasks = ['a1', 'a2', 'a3', 'a4'].map((name) => run(name));
  await expect(run('a5')).rejects.toBeInstanceOf(ServiceOverloaded);
  tasks.push(run('b1'), run('c1'));
  await expect(run('d1')).rejects.toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
  tasks.push(run('e1', { preferred: true }));
  await expect(run('f1', { preferred: true })).rejects.toBeInstanceOf(ServiceOverloaded);
  release();
  await Promise.all([first, ...tasks]);
  expect(ran).toEqual(['e1', 'a1', 'b1', 'c1', 'a2', 'a3', 'a4']);
});

test('preferred tasks get every second permit, whatever number of others waits', async () => {
  const { run, ran, first, release } = held();
  const others = ['a1', 'b1', 'c1', 'd1'].map((name) => run(name));
  const preferred = ['e1', 'e2'].map((name) => run(name, { preferred: true }));
  release();
  await Promise.all([first, ...others, ...preferred]);
  expect(ran).toEqual(['e1', 'a1', 'e2', 'b1', 'c1', 'd1']);
});

test('a task whose signal aborts while it waits is never run, and leaves its place to another', async () => {
  const { run, ran, first, release } = held({ ...LIMITS, waiting: 1 });
  const gone = new AbortController();
  const waiting = run('a1', { signal: gone.signal });
  gone.abort();
  await expect(waiting).rejects.toBeInstanceOf(ServiceOverloaded);
  await expect(run('a2', { signal: gone.signal })).rejects.toBeInstanceOf(ServiceOverloaded);
  const other = run('b1');
  release();
  await Promise.all([first, other]);
  expect(ran).toEqual(['b1']);
});

test('a task that fails passes its permit on', async () => {
  const withTurn = limitFairly(LIMITS);
  const failing = withTurn({ key: 'a' }, () => Promise.reject(new Error('of the task')));
  const next = withTurn({ key: 'a' }, async () => 'ran');
  await expect(failing).rejects.toThrow('of the task');
  expect(await next).toBe('ran');
});
