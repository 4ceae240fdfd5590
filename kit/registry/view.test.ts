import { expect, test } from 'bun:test';
import type { Instance } from '#contracts/registry';
import { createRegistryView, RETENTION_MS, TOMBSTONE_MS } from './view';

const LONG_AGO = '2020-01-01T00:00:00.000Z';

const instance = (name: string, id: string, more: Partial<Instance> = {}): Instance => ({
  instance_id: id,
  name,
  version: '1.0.0',
  host: '127.0.0.1',
  port: 5101,
  weight: 100,
  metadata: {},
  routes: [],
  prefixes: [name],
  state: 'up',
  protected: false,
  registered_at: '2026-01-01T00:00:00.000Z',
  changed_at_revision: 1,
  ...more,
});

function setUp() {
  let nowMs = 0;
  const view = createRegistryView(() => nowMs);
  const users = [instance('users', 'a'), instance('users', 'b')];
  view.replace({
    started_at: LONG_AGO,
    epoch: 'old',
    revision: 9,
    services: { users, posts: [instance('posts', 'p')], likes: [] },
  });
  const ids = (name: string) => view.instances(name).map((each) => each.instance_id);
  return {
    view,
    ids,
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

test('instances survive an empty new registry until one lease has passed', () => {
  const { view, ids, pass } = setUp();
  expect(view.replace({ started_at: LONG_AGO, epoch: 'new', revision: 0, services: {} })).toEqual([]);
  pass(RETENTION_MS - 1);
  expect(view.expire()).toEqual([]);
  expect(ids('users')).toEqual(['a', 'b']);
  pass(1);
  expect(view.expire().sort()).toEqual(['posts', 'users']);
  expect(ids('users')).toEqual([]);
});

test('instances that have not yet registered with a new registry are retained beside those that have', () => {
  const { view, ids, pass } = setUp();
  view.replace({ started_at: LONG_AGO, epoch: 'new', revision: 0, services: {} });
  view.apply({ revision: 1, name: 'users', instances: [instance('users', 'a', { version: '2.0.0' })] });
  expect(ids('users')).toEqual(['a', 'b']);
  expect(view.instances('users')[0]?.version).toBe('2.0.0');
  pass(RETENTION_MS);
  expect(view.expire().sort()).toEqual(['posts', 'users']);
  expect(ids('users')).toEqual(['a']);
});

test('an instance that a new registry has listed is removed when that registry removes it', () => {
  const { view, ids } = setUp();
  view.replace({
    started_at: LONG_AGO,
    epoch: 'new',
    revision: 1,
    services: { users: [instance('users', 'a'), instance('users', 'c')] },
  });
  expect(ids('users')).toEqual(['a', 'c', 'b']);
  view.apply({ revision: 2, name: 'users', instances: [instance('users', 'c')] });
  expect(ids('users')).toEqual(['c', 'b']);
});

test('an explicit empty list takes effect immediately, from the same registry and from a new one', () => {
  const { view, ids } = setUp();
  expect(view.apply({ revision: 10, name: 'posts', instances: [] })).toEqual(['posts']);
  expect(ids('posts')).toEqual([]);
  expect(view.replace({ started_at: LONG_AGO, epoch: 'new', revision: 3, services: { users: [] } })).toEqual([
    'users',
  ]);
  expect(ids('users')).toEqual([]);
  expect(view.snapshot().services.users).toEqual([]);
});

test('instances survive a second restart within one lease', () => {
  const { view, ids } = setUp();
  view.replace({
    started_at: LONG_AGO,
    epoch: 'new',
    revision: 1,
    services: { users: [instance('users', 'a')] },
  });
  view.replace({ started_at: LONG_AGO, epoch: 'newer', revision: 0, services: {} });
  expect(ids('users')).toEqual(['a', 'b']);
});

test('a snapshot of the same registry replaces everything', () => {
  const { view, ids } = setUp();
  expect(
    view
      .replace({
        started_at: LONG_AGO,
        epoch: 'old',
        revision: 12,
        services: { users: [instance('users', 'b')] },
      })
      .sort(),
  ).toEqual(['posts', 'users']);
  expect(ids('users')).toEqual(['b']);
  expect(ids('posts')).toEqual([]);
});

test('a registry that has just started settles after a heartbeat interval, an older one immediately', () => {
  let nowMs = 0;
  const startedAt = Date.parse('2026-01-01T00:00:00.000Z');
  const snapshot = { started_at: new Date(startedAt).toISOString(), epoch: 'one', revision: 1, services: {} };
  const view = createRegistryView(
    () => nowMs,
    () => startedAt + 1_000,
  );
  expect(view.isSettled()).toBe(false);
  view.replace(snapshot);
  expect(view.isSettled()).toBe(false);
  nowMs = 6_000;
  expect(view.isSettled()).toBe(true);
  // The next registry needs no time to settle: the instances of the first one are retained.
  view.replace({ ...snapshot, epoch: 'two' });
  expect(view.isSettled()).toBe(true);
});

test('a replica with a shared table is complete: unlisted instances are removed, and it is settled immediately', () => {
  const { view, ids } = setUp();
  const users = [instance('users', 'b', { changed_at_revision: 77 })];
  const justNow = new Date().toISOString();
  expect(
    view
      .replace({ started_at: justNow, epoch: 'replica', complete: true, revision: 2, services: { users } })
      .sort(),
  ).toEqual(['posts', 'users']);
  expect(ids('users')).toEqual(['b']);
  expect(ids('posts')).toEqual([]);

  const fresh = createRegistryView(() => 0);
  fresh.replace({ started_at: justNow, epoch: 'replica', complete: true, revision: 2, services: { users } });
  expect(fresh.isSettled()).toBe(true);
});

test('a service without instances is forgotten after an hour, and not while it has come back', () => {
  const { view, pass } = setUp();
  view.apply({ revision: 10, name: 'posts', instances: [] });
  pass(TOMBSTONE_MS - 1);
  view.apply({ revision: 11, name: 'posts', instances: [instance('posts', 'p')] });
  view.apply({ revision: 12, name: 'posts', instances: [] });
  expect(view.expire()).toEqual([]);
  pass(1);
  expect(view.expire()).toEqual(['likes']);
  expect(Object.keys(view.snapshot().services).sort()).toEqual(['posts', 'users']);
  pass(TOMBSTONE_MS - 1);
  expect(view.expire()).toEqual(['posts']);
});
