import { describe, expect, test } from 'bun:test';
import { DEFAULT_LEASE } from './expiry';
import type { RegistrationInput, Table } from './model';
import { DEFAULT_LIMITS, type TableLimits } from './rows';
import { createTable } from './table';
import { registerVerified, registrationOf as registration } from './test-table';

const SWEEP_MS = 1_000;

function setUp(limits: Partial<TableLimits> = {}) {
  let nowMs = 1_000_000;
  const table = createTable({
    now: () => nowMs,
    timestamp: () => '2026-01-01T00:00:00.000Z',
    epoch: 'test',
    lease: DEFAULT_LEASE,
    limits: { ...DEFAULT_LIMITS, ...limits },
    sweepMs: SWEEP_MS,
  });
  return {
    table,
    /** Advances the clock with regular sweeps, as in a healthy process. */
    pass(seconds: number) {
      for (let second = 0; second < seconds; second++) {
        nowMs += SWEEP_MS;
        table.expire();
      }
    },
    /** Advances the clock while the process is paused. */
    pause(seconds: number) {
      nowMs += seconds * 1_000;
    },
  };
}

function register(
  table: Table,
  name: string,
  instanceId: string,
  more: Partial<RegistrationInput> = {},
): string {
  const result = registerVerified(table, registration(name, instanceId, more));
  if (result.outcome !== 'registered') throw new Error(`registration failed: ${result.outcome}`);
  return result.secret;
}

const statesOf = (table: Table, name: string) =>
  Object.fromEntries((table.service(name)?.instances ?? []).map((each) => [each.instance_id, each.state]));

const protectedIn = (table: Table, name: string) =>
  (table.service(name)?.instances ?? []).filter((each) => each.protected).map((each) => each.instance_id);

describe('a lease', () => {
  test('turns unhealthy after 15 s without a heartbeat and is removed after 30 s', () => {
    const { table, pass } = setUp();
    register(table, 'users', 'a');
    pass(14);
    expect(statesOf(table, 'users')).toEqual({ a: 'up' });
    pass(1);
    expect(statesOf(table, 'users')).toEqual({ a: 'unhealthy' });
    pass(14);
    expect(statesOf(table, 'users')).toEqual({ a: 'unhealthy' });
    pass(1);
    expect(statesOf(table, 'users')).toEqual({});
  });

  test('is renewed by one heartbeat, in the state the instance last reported', () => {
    const { table, pass } = setUp();
    const secret = register(table, 'users', 'a', { state: 'starting' });
    pass(20);
    expect(table.heartbeat('a', secret)).toEqual({ outcome: 'renewed', state: 'starting' });
    pass(14);
    expect(statesOf(table, 'users')).toEqual({ a: 'starting' });
  });

  test('survives any pause of the registry process, whichever request is handled first afterwards', () => {
    const { table, pass, pause } = setUp();
    const secret = register(table, 'users', 'a');
    register(table, 'users', 'b');
    pass(10);
    pause(3_600);
    table.heartbeat('a', secret);
    pass(3);
    expect(statesOf(table, 'users')).toEqual({ a: 'up', b: 'up' });
    pass(3);
    expect(statesOf(table, 'users')).toEqual({ a: 'up', b: 'unhealthy' });
    pass(24);
    expect(statesOf(table, 'users')).toEqual({});
  });

  test('can only be renewed, drained or removed with its own secret', () => {
    const { table } = setUp();
    const secret = register(table, 'users', 'a');
    expect(table.heartbeat('a', 'guess').outcome).toBe('wrong-secret');
    expect(table.drain('a', 'guess').outcome).toBe('wrong-secret');
    expect(table.remove('a', 'guess').outcome).toBe('wrong-secret');
    const elsewhere = registration('users', 'a', { port: 80 });
    expect(table.register(elsewhere, 'guess').outcome).toBe('wrong-secret');
    expect(table.register(elsewhere).outcome).toBe('wrong-secret');
    expect(table.heartbeat('b', secret).outcome).toBe('unknown');
    expect(table.drain('a', secret)).toEqual({ outcome: 'renewed', state: 'draining' });
    expect(table.remove('a', secret).outcome).toBe('removed');
    expect(table.heartbeat('a', secret).outcome).toBe('unknown');
  });

  test('cannot be changed by another service that uses the same instance id', () => {
    const { table } = setUp();
    const users = register(table, 'users', 'same');
    const posts = register(table, 'posts', 'same');
    table.drain('same', posts);
    expect(statesOf(table, 'users')).toEqual({ same: 'up' });
    expect(statesOf(table, 'posts')).toEqual({ same: 'draining' });
    table.remove('same', users);
    expect(statesOf(table, 'posts')).toEqual({ same: 'draining' });
  });

  test('has a 256-bit secret that appears in no listing', () => {
    const { table } = setUp();
    const secret = register(table, 'users', 'a');
    expect(Buffer.from(secret, 'base64url')).toHaveLength(32);
    expect(JSON.stringify([table.snapshot(), table.service('users'), table.since(0)])).not.toContain(secret);
  });
});

describe('the revision', () => {
  test('advances with visible changes only', () => {
    const { table, pass } = setUp();
    const secret = register(table, 'users', 'a');
    expect(table.revision()).toBe(1);
    table.heartbeat('a', secret, { load: 0.5 });
    table.register(registration('users', 'a'), secret);
    pass(5);
    expect(table.revision()).toBe(1);
    expect(table.service('users')?.instances[0]?.load).toBe(0.5);
    table.register(registration('users', 'a', { version: '1.0.1' }), secret);
    expect(table.revision()).toBe(2);
    expect(table.service('users')?.instances[0]).toMatchObject({ version: '1.0.1', changed_at_revision: 2 });
  });

  test('identifies every service changed since, empty ones included', () => {
    const { table } = setUp();
    const secret = register(table, 'users', 'a');
    register(table, 'posts', 'b');
    const seen = table.revision();
    table.remove('a', secret);
    expect(table.since(seen)).toEqual([{ name: 'users', revision: 3, instances: [] }]);
    expect(table.since(table.revision())).toEqual([]);
    expect(table.since(table.revision() + 1)).toBeUndefined();
  });
});

describe('protection', () => {
  const enterMany = (table: Table, count: number) =>
    Array.from({ length: count }, (_, index) => ({
      id: `i${index}`,
      secret: register(table, 'users', `i${index}`),
    }));

  function passWithHeartbeats(
    world: ReturnType<typeof setUp>,
    seconds: number,
    alive: readonly { id: string; secret: string }[],
  ) {
    for (let second = 0; second < seconds; second++) {
      for (const { id, secret } of alive) world.table.heartbeat(id, secret);
      world.pass(1);
    }
  }

  test('retains and flags three of five instances that fell silent together', () => {
    const world = setUp();
    const all = enterMany(world.table, 5);
    passWithHeartbeats(world, 60, all.slice(3));
    expect(protectedIn(world.table, 'users')).toEqual(['i0', 'i1', 'i2']);
    expect(statesOf(world.table, 'users')).toMatchObject({ i0: 'unhealthy', i3: 'up' });
  });

  test('ends when an instance returns or deregisters, and otherwise after ten minutes', () => {
    const world = setUp();
    const all = enterMany(world.table, 5);
    passWithHeartbeats(world, 60, all.slice(3));
    const [first, second] = all;
    if (!first || !second) throw new Error('five instances were registered');
    world.table.remove(first.id, first.secret);
    passWithHeartbeats(world, 1, [second]);
    expect(protectedIn(world.table, 'users')).toEqual(['i2']);
    passWithHeartbeats(world, 568, [second, ...all.slice(3)]);
    expect(protectedIn(world.table, 'users')).toEqual(['i2']);
    passWithHeartbeats(world, 2, [second, ...all.slice(3)]);
    expect(statesOf(world.table, 'users')).toEqual({ i1: 'up', i3: 'up', i4: 'up' });
  });

  test('does not apply to two of three, nor to half of six', () => {
    const world = setUp();
    const three = enterMany(world.table, 3);
    passWithHeartbeats(world, 31, three.slice(2));
    expect(statesOf(world.table, 'users')).toEqual({ i2: 'up' });
    const other = setUp();
    const six = enterMany(other.table, 6);
    passWithHeartbeats(other, 31, six.slice(3));
    expect(Object.keys(statesOf(other.table, 'users'))).toHaveLength(3);
  });

  test('follows the live set: it stays off while instances are removed one by one', () => {
    const world = setUp();
    const all = enterMany(world.table, 8);
    for (let removed = 1; removed <= 7; removed++) passWithHeartbeats(world, 31, all.slice(removed));
    expect(statesOf(world.table, 'users')).toEqual({ i7: 'up' });
  });

  test('does not apply to draining instances', () => {
    const world = setUp();
    const all = enterMany(world.table, 5);
    for (const { id, secret } of all.slice(0, 4)) world.table.drain(id, secret);
    passWithHeartbeats(world, 31, all.slice(4));
    expect(statesOf(world.table, 'users')).toEqual({ i4: 'up' });
  });

  test('of one service does not affect another', () => {
    const world = setUp();
    enterMany(world.table, 4);
    register(world.table, 'posts', 'p');
    world.pass(31);
    expect(protectedIn(world.table, 'users')).toHaveLength(4);
    expect(statesOf(world.table, 'posts')).toEqual({});
  });
});

describe('a claim', () => {
  const route = (path: string, method = 'GET') => ({ routes: [{ method, path, auth: 'public' }] });

  test('conflicts with the same route of another service, whatever its parameter names', () => {
    const { table } = setUp();
    register(table, 'timelines', 'a', route('/posts/:id'));
    expect(table.register(registration('likes', 'b', route('/posts/:post_id/')))).toEqual({
      outcome: 'conflict',
      claim: 'GET /posts/:',
      owner: 'timelines',
    });
    expect(table.service('likes')).toBeUndefined();
    expect(table.register(registration('likes', 'b', route('/posts/:id', 'POST'))).outcome).toBe(
      'registered',
    );
  });

  test('covers prefixes, and every service claims its own name', () => {
    const { table } = setUp();
    register(table, 'media', 'a', { prefixes: ['media', 'basement'] });
    const taken = { outcome: 'conflict', owner: 'media' };
    expect(table.register(registration('files', 'b', { prefixes: ['basement'] }))).toMatchObject(taken);
    expect(table.register(registration('files', 'b', { prefixes: ['media'] }))).toMatchObject(taken);
    expect(table.register(registration('basement', 'b', { prefixes: [] }))).toMatchObject(taken);
  });

  test('follows re-registration, and ends with the last instance that holds it', () => {
    const { table } = setUp();
    const old = register(table, 'timelines', 'old', route('/posts'));
    const moved = register(table, 'timelines', 'new', route('/articles'));
    expect(table.register(registration('posts', 'p', route('/posts'))).outcome).toBe('conflict');
    table.remove('old', old);
    expect(registerVerified(table, registration('posts', 'p', route('/posts'))).outcome).toBe('registered');
    expect(table.register(registration('timelines', 'new', route('/posts')), moved).outcome).toBe('conflict');
    expect(table.service('timelines')?.instances[0]?.routes[0]?.path).toBe('/articles');
    expect(table.register(registration('timelines', 'new'), moved).outcome).toBe('renewed');
    expect(table.register(registration('posts', 'q', route('/articles'))).outcome).toBe('registered');
  });
});

describe('the table limits', () => {
  test('bound services, instances of one service, and instances in total', () => {
    const full = (limits: Partial<TableLimits>, name: string) => {
      const { table } = setUp(limits);
      register(table, 'users', 'a');
      register(table, 'users', 'b');
      return table.register(registration(name, 'c'));
    };
    expect(full({ services: 1 }, 'posts')).toEqual({ outcome: 'full', limit: 'services' });
    expect(full({ instancesPerService: 2 }, 'users')).toEqual({
      outcome: 'full',
      limit: 'instancesPerService',
    });
    expect(full({ instances: 2 }, 'posts')).toEqual({ outcome: 'full', limit: 'instances' });
  });

  test('bound tombstones in number and age, and an older revision requires a snapshot', () => {
    const { table, pass } = setUp({ tombstones: 1, tombstoneMs: 60_000 });
    for (const name of ['users', 'posts']) table.remove(name, register(table, name, name));
    pass(1);
    expect(table.snapshot().services).toEqual({ posts: [] });
    expect(table.since(0)).toBeUndefined();
    expect(table.since(2)).toEqual([{ name: 'posts', revision: 4, instances: [] }]);
    pass(60);
    expect(table.snapshot().services).toEqual({});
  });
});
