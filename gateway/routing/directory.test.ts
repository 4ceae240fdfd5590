import { expect, test } from 'bun:test';
import type { Instance } from '#contracts/registry';
import { gatewayStatus } from '../pages/status';
import { createDirectory } from './directory';

const instance = (state: Instance['state']): Instance => ({
  instance_id: 'a',
  name: 'users',
  version: '1.0.0',
  host: '127.0.0.1',
  port: 5100,
  weight: 100,
  metadata: {},
  routes: [],
  prefixes: ['users'],
  state,
  protected: false,
  registered_at: '2026-01-01T00:00:00.000Z',
  changed_at_revision: 1,
});

function setUp() {
  let users = [instance('up')];
  const listeners: ((names: readonly string[]) => void)[] = [];
  const directory = createDirectory({
    snapshot: () => ({ services: { users } }),
    instances: () => users,
    onChange(listener) {
      listeners.push(listener);
      return () => undefined;
    },
    revision: () => 1,
    ageMs: () => 0,
    isSettled: () => true,
  });
  return {
    isDrained: () => directory.isDrained('users', 'a'),
    request() {
      const attempt = directory.service('users')?.balancer.pick(new Set(), true);
      if (!attempt) throw new Error('No instance was picked');
      return attempt;
    },
    become(...states: Instance['state'][]) {
      users = states.map(instance);
      for (const listener of listeners) listener(['users']);
    },
  };
}

test('an instance is drained when its last request in flight has ended', () => {
  const { isDrained, request, become } = setUp();
  expect(isDrained()).toBe(false);
  const [first, second, tunnel] = [request(), request(), request()];
  become('draining');
  expect(isDrained()).toBe(false);
  tunnel.detach();
  first.done('answered', 10);
  first.done('answered', 10);
  expect(isDrained()).toBe(false);
  second.done('abandoned', 10);
  expect(isDrained()).toBe(true);
  tunnel.done('answered', 10);
  expect(isDrained()).toBe(true);
});

test('a removed instance is drained, and a returning one receives requests again', () => {
  const { isDrained, request, become } = setUp();
  become('draining');
  expect(isDrained()).toBe(true);
  become('up');
  expect(isDrained()).toBe(false);
  request().done('answered', 10);
  become();
  expect(isDrained()).toBe(true);
});

test('a service that is gone is shown for an hour, and again when it is back', () => {
  let users = [instance('up')];
  let nowMs = 1_000;
  let change: (names: readonly string[]) => void = () => undefined;
  const registry = {
    snapshot: () => ({ services: { users } }),
    instances: () => users,
    onChange(listener: typeof change) {
      change = listener;
      return () => undefined;
    },
    revision: () => 1,
    ageMs: () => 0,
    isSettled: () => true,
  };
  const now = () => nowMs;
  const directory = createDirectory(registry, { clock: { now, random: Math.random } });
  const shown = () => gatewayStatus(directory, '1.0.0', 0, { now }).services.users?.state;
  const become = (instances: Instance[]) => {
    users = instances;
    change(['users']);
  };
  nowMs += 10 * 3_600_000;
  expect(shown()).toBe('up');
  become([]);
  nowMs += 3_599_999;
  expect(shown()).toBe('gone');
  // Another message of the registry does not begin the hour again.
  become([]);
  nowMs += 1;
  expect(shown()).toBeUndefined();
  become([instance('starting')]);
  expect(shown()).toBe('starting');
});
