import { describe, expect, test } from 'bun:test';
import type { Registration } from '#contracts/registry';
import { DEFAULT_LEASE } from './expiry';
import { DEFAULT_LIMITS, type TableLimits } from './rows';
import { createTable, type Table } from './table';

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
    /** Lets time pass with the sweeps running, as in a healthy process. */
    pass(seconds: number) {
      for (let second = 0; second < seconds; second++) {
        nowMs += SWEEP_MS;
        table.expire();
      }
    },
    /** Lets time pass while the process stands still. */
    standStill(seconds: number) {
      nowMs += seconds * 1_000;
    },
  };
}

const registration = (name: string, instanceId: string, more: Partial<Registration> = {}): Registration => ({
  name,
  version: '1.0.0',
  host: '127.0.0.1',
  port: 5101,
  instance_id: instanceId,
  routes: [],
  prefixes: [name],
  ...more,
});

function enter(table: Table, name: string, instanceId: string, more: Partial<Registration> = {}): string {
  const result = table.register(registration(name, instanceId, more));
  if (result.outcome !== 'registered') throw new Error(`refused: ${result.outcome}`);
  return result.secret;
}

const statesOf = (table: Table, name: string) =>
  Object.fromEntries((table.service(name)?.instances ?? []).map((each) => [each.instance_id, each.state]));

const protectedIn = (table: Table, name: string) =>
  (table.service(name)?.instances ?? []).filter((each) => each.protected).map((each) => each.instance_id);

describe('a lease', () => {
  test('turns unhealthy after 15 s of silence and is removed after 30 s', () => {
    const { table, pass } = setUp();
    enter(table, 'users', 'a');
    pass(14);
    expect(statesOf(table, 'users')).toEqual({ a: 'up' });
    pass(1);
    expect(statesOf(table, 'users')).toEqual({ a: 'unhealthy' });
    pass(14);
    expect(statesOf(table, 'users')).toEqual({ a: 'unhealthy' });
    pass(1);
    expect(statesOf(table, 'users')).toEqual({});
  });

  test('is whole again after one beat, in the state the instance last reported', () => {
    const { table, pass } = setUp();
    const secret = enter(table, 'users', 'a', { state: 'starting' });
    pass(20);
    expect(table.beat('a', secret)).toEqual({ outcome: 'beaten', state: 'starting' });
    pass(14);
    expect(statesOf(table, 'users')).toEqual({ a: 'starting' });
  });

  test('survives any pause of the registry itself, whoever is handled first afterwards', () => {
    const { table, pass, standStill } = setUp();
    const secret = enter(table, 'users', 'a');
    enter(table, 'users', 'b');
    pass(10);
    standStill(3_600);
    table.beat('a', secret);
    pass(3);
    expect(statesOf(table, 'users')).toEqual({ a: 'up', b: 'up' });
    pass(3);
    expect(statesOf(table, 'users')).toEqual({ a: 'up', b: 'unhealthy' });
    pass(24);
    expect(statesOf(table, 'users')).toEqual({});
  });

  test('can only be renewed, drained or ended with its own secret', () => {
    const { table } = setUp();
    const secret = enter(table, 'users', 'a');
    expect(table.beat('a', 'guess').outcome).toBe('wrong-secret');
    expect(table.drain('a', 'guess').outcome).toBe('wrong-secret');
    expect(table.remove('a', 'guess').outcome).toBe('wrong-secret');
    expect(table.register(registration('users', 'a'), 'guess').outcome).toBe('wrong-secret');
    expect(table.register(registration('users', 'a')).outcome).toBe('wrong-secret');
    expect(table.beat('b', secret).outcome).toBe('unknown');
    expect(table.drain('a', secret)).toEqual({ outcome: 'beaten', state: 'draining' });
    expect(table.remove('a', secret).outcome).toBe('removed');
    expect(table.beat('a', secret).outcome).toBe('unknown');
  });

  test('of one service is out of reach for another that uses the same instance id', () => {
    const { table } = setUp();
    const users = enter(table, 'users', 'same');
    const posts = enter(table, 'posts', 'same');
    table.drain('same', posts);
    expect(statesOf(table, 'users')).toEqual({ same: 'up' });
    expect(statesOf(table, 'posts')).toEqual({ same: 'draining' });
    table.remove('same', users);
    expect(statesOf(table, 'posts')).toEqual({ same: 'draining' });
  });

  test('has a secret of 256 bits that no listing shows', () => {
    const { table } = setUp();
    const secret = enter(table, 'users', 'a');
    expect(Buffer.from(secret, 'base64url')).toHaveLength(32);
    expect(JSON.stringify([table.snapshot(), table.service('users'), table.since(0)])).not.toContain(secret);
  });
});

describe('the revision', () => {
  test('moves with what readers can see, and with nothing else', () => {
    const { table, pass } = setUp();
    const secret = enter(table, 'users', 'a');
    expect(table.revision()).toBe(1);
    table.beat('a', secret, { load: 0.5 });
    table.register(registration('users', 'a'), secret);
    pass(5);
    expect(table.revision()).toBe(1);
    expect(table.service('users')?.instances[0]?.load).toBe(0.5);
    table.register(registration('users', 'a', { version: '1.0.1' }), secret);
    expect(table.revision()).toBe(2);
    expect(table.service('users')?.instances[0]).toMatchObject({ version: '1.0.1', changed_at_revision: 2 });
  });

  test('of the past tells every service changed since, emptied ones included', () => {
    const { table } = setUp();
    const secret = enter(table, 'users', 'a');
    enter(table, 'posts', 'b');
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
      secret: enter(table, 'users', `i${index}`),
    }));

  function passWithBeats(
    world: ReturnType<typeof setUp>,
    seconds: number,
    alive: readonly { id: string; secret: string }[],
  ) {
    for (let second = 0; second < seconds; second++) {
      for (const { id, secret } of alive) world.table.beat(id, secret);
      world.pass(1);
    }
  }

  test('keeps three of five that fell silent together, flagged, while the others go on', () => {
    const world = setUp();
    const all = enterMany(world.table, 5);
    passWithBeats(world, 60, all.slice(3));
    expect(protectedIn(world.table, 'users')).toEqual(['i0', 'i1', 'i2']);
    expect(statesOf(world.table, 'users')).toMatchObject({ i0: 'unhealthy', i3: 'up' });
  });

  test('ends for each as it returns or deregisters, and for the rest after ten minutes', () => {
    const world = setUp();
    const all = enterMany(world.table, 5);
    passWithBeats(world, 60, all.slice(3));
    const [first, second] = all;
    if (!first || !second) throw new Error('five were entered');
    world.table.remove(first.id, first.secret);
    passWithBeats(world, 1, [second]);
    expect(protectedIn(world.table, 'users')).toEqual(['i2']);
    passWithBeats(world, 568, [second, ...all.slice(3)]);
    expect(protectedIn(world.table, 'users')).toEqual(['i2']);
    passWithBeats(world, 2, [second, ...all.slice(3)]);
    expect(statesOf(world.table, 'users')).toEqual({ i1: 'up', i3: 'up', i4: 'up' });
  });

  test('does not hold back two of three, nor half of six', () => {
    const world = setUp();
    const three = enterMany(world.table, 3);
    passWithBeats(world, 31, three.slice(2));
    expect(statesOf(world.table, 'users')).toEqual({ i2: 'up' });
    const other = setUp();
    const six = enterMany(other.table, 6);
    passWithBeats(other, 31, six.slice(3));
    expect(Object.keys(statesOf(other.table, 'users'))).toHaveLength(3);
  });

  test('follows the live set: churn one by one leaves it off, however many have gone', () => {
    const world = setUp();
    const all = enterMany(world.table, 8);
    for (let gone = 1; gone <= 7; gone++) passWithBeats(world, 31, all.slice(gone));
    expect(statesOf(world.table, 'users')).toEqual({ i7: 'up' });
  });

  test('is not for instances that said they were leaving', () => {
    const world = setUp();
    const all = enterMany(world.table, 5);
    for (const { id, secret } of all.slice(0, 4)) world.table.drain(id, secret);
    passWithBeats(world, 31, all.slice(4));
    expect(statesOf(world.table, 'users')).toEqual({ i4: 'up' });
  });

  test('of one service says nothing about another', () => {
    const world = setUp();
    enterMany(world.table, 4);
    enter(world.table, 'posts', 'p');
    world.pass(31);
    expect(protectedIn(world.table, 'users')).toHaveLength(4);
    expect(statesOf(world.table, 'posts')).toEqual({});
  });
});

describe('a claim', () => {
  const route = (path: string, method = 'GET') => ({ routes: [{ method, path, auth: 'public' }] });

  test('of another service is refused with its owner, whatever the parameters are called', () => {
    const { table } = setUp();
    enter(table, 'timelines', 'a', route('/posts/:id'));
    expect(table.register(registration('likes', 'b', route('/posts/:post_id/')))).toEqual({
      outcome: 'claimed',
      claim: 'GET /posts/:',
      owner: 'timelines',
    });
    expect(table.service('likes')).toBeUndefined();
    expect(table.register(registration('likes', 'b', route('/posts/:id', 'POST'))).outcome).toBe(
      'registered',
    );
  });

  test('covers prefixes, and every service owns its own name', () => {
    const { table } = setUp();
    enter(table, 'media', 'a', { prefixes: ['media', 'basement'] });
    const taken = { outcome: 'claimed', owner: 'media' };
    expect(table.register(registration('files', 'b', { prefixes: ['basement'] }))).toMatchObject(taken);
    expect(table.register(registration('files', 'b', { prefixes: ['media'] }))).toMatchObject(taken);
    expect(table.register(registration('basement', 'b', { prefixes: [] }))).toMatchObject(taken);
  });

  test('changes with a new version of its service, and ends with the last instance that holds it', () => {
    const { table } = setUp();
    const old = enter(table, 'timelines', 'old', route('/posts'));
    const moved = enter(table, 'timelines', 'new', route('/articles'));
    expect(table.register(registration('posts', 'p', route('/posts'))).outcome).toBe('claimed');
    table.remove('old', old);
    expect(table.register(registration('posts', 'p', route('/posts'))).outcome).toBe('registered');
    expect(table.register(registration('timelines', 'new', route('/posts')), moved).outcome).toBe('claimed');
    expect(table.service('timelines')?.instances[0]?.routes[0]?.path).toBe('/articles');
    expect(table.register(registration('timelines', 'new'), moved).outcome).toBe('renewed');
    expect(table.register(registration('posts', 'q', route('/articles'))).outcome).toBe('registered');
  });
});

describe('the bounds', () => {
  test('hold for services, instances of one service, and instances in all', () => {
    const full = (limits: Partial<TableLimits>, name: string) => {
      const { table } = setUp(limits);
      enter(table, 'users', 'a');
      enter(table, 'users', 'b');
      return table.register(registration(name, 'c'));
    };
    expect(full({ services: 1 }, 'posts')).toEqual({ outcome: 'full', limit: 'services' });
    expect(full({ instancesPerService: 2 }, 'users')).toEqual({
      outcome: 'full',
      limit: 'instancesPerService',
    });
    expect(full({ instances: 2 }, 'posts')).toEqual({ outcome: 'full', limit: 'instances' });
  });

  test('hold for tombstones in number and time, and a watcher from before gets no half truth', () => {
    const { table, pass } = setUp({ tombstones: 1, tombstoneMs: 60_000 });
    for (const name of ['users', 'posts']) table.remove(name, enter(table, name, name));
    pass(1);
    expect(table.snapshot().services).toEqual({ posts: [] });
    expect(table.since(0)).toBeUndefined();
    expect(table.since(2)).toEqual([{ name: 'posts', revision: 4, instances: [] }]);
    pass(60);
    expect(table.snapshot().services).toEqual({});
  });
});
