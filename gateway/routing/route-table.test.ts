import { describe, expect, test } from 'bun:test';
import type { Instance, RouteClaim } from '#contracts/registry';
import { createDirectory } from './directory';

const claim = (method: string, path: string, more: Partial<RouteClaim> = {}): RouteClaim => ({
  method,
  path,
  auth: 'public',
  ...more,
});

const instance = (name: string, routes: RouteClaim[], more: Partial<Instance> = {}): Instance => ({
  instance_id: `${name}-1`,
  name,
  version: '1.0.0',
  host: '127.0.0.1',
  port: 5_100,
  weight: 100,
  metadata: {},
  routes,
  prefixes: [name],
  state: 'up',
  protected: false,
  registered_at: '2026-01-01T00:00:00.000Z',
  changed_at_revision: 1,
  ...more,
});

function setUp() {
  const services: Record<string, Instance[]> = {};
  let tell: (names: readonly string[]) => void = () => undefined;
  const directory = createDirectory({
    snapshot: () => ({ services }),
    instances: (name) => services[name] ?? [],
    onChange(listener) {
      tell = listener;
      return () => undefined;
    },
    revision: () => 1,
    ageMs: () => 0,
    isSettled: () => true,
  });
  return {
    find: (method: string, path: string) => directory.routes().find(method, path),
    methods: (path: string) => directory.routes().methods(path),
    set(name: string, ...instances: Instance[]) {
      services[name] = instances;
      tell([name]);
    },
  };
}

describe('a service without instances', () => {
  test('answers for nothing that a live service serves, however specific its patterns are', () => {
    const { set, find, methods } = setUp();
    const routes = [claim('GET', '/users/alice'), claim('POST', '/login'), claim('POST', '/v1/login')];
    set('impostor', instance('impostor', routes));
    set('users', instance('users', [claim('GET', '/users/:username'), claim('POST', '/login')]));
    set('impostor');
    for (const path of ['/users/alice', '/v1/users/alice']) expect(find('GET', path)?.service).toBe('users');
    for (const path of ['/login', '/v1/login']) expect(find('POST', path)?.service).toBe('users');
    expect(methods('/users/alice')).toEqual(['GET', 'HEAD']);
  });

  test('still answers for its own paths, which are unavailable rather than unknown', () => {
    const { set, find } = setUp();
    set('birds', instance('birds', [claim('GET', '/birds/:id')]));
    set('birds');
    expect(find('GET', '/birds/1')?.service).toBe('birds');
  });
});

describe('an access rule', () => {
  const rule = { auth: 'user' };

  test('is enforced by the gateway unless the service says that it does', () => {
    const { set, find } = setUp();
    set('foreign', instance('foreign', [claim('GET', '/foreign/:id', rule), claim('GET', '/foreign')]));
    set('own', instance('own', [claim('GET', '/own/:id', rule)], { auth_by: 'service' }));
    const access = { auth: 'user', scope: undefined };
    expect(find('GET', '/foreign/1')?.access).toEqual(access);
    expect(find('GET', '/foreign/foreign/1')?.access).toEqual(access);
    expect(find('GET', '/foreign')?.access).toBeNull();
    expect(find('GET', '/own/1')?.access).toBeNull();
  });

  test('names the scope that an app needs, unless the gateway does not know it', () => {
    const { set, find } = setUp();
    const routes = [
      claim('GET', '/birds', { ...rule, scope: 'read:lists' }),
      claim('POST', '/birds', { ...rule, scope: 'feed:birds' }),
    ];
    set('birds', instance('birds', routes));
    expect(find('GET', '/birds')?.access?.scope).toBe('read:lists');
    expect(find('POST', '/birds')?.access).toEqual({ auth: 'user', scope: undefined });
  });

  test('is enforced for all instances of a service while one of them leaves it to the gateway', () => {
    const open = instance('birds', [claim('GET', '/birds')], { instance_id: 'a' });
    const guarded = instance('birds', [claim('GET', '/birds', rule)], { instance_id: 'b' });
    for (const instances of [
      [open, guarded],
      [guarded, open],
    ]) {
      const { set, find } = setUp();
      set('birds', ...instances);
      expect(find('GET', '/birds')?.access?.auth).toBe('user');
    }
  });
});
