import { describe, expect, test } from 'bun:test';
import { DEFAULT_LEASE } from './expiry';
import type { RegistrationInput } from './model';
import { DEFAULT_LIMITS } from './rows';
import { createTable } from './table';
import { registerVerified, registrationOf } from './test-table';

function setUp() {
  let nowMs = 0;
  const table = createTable({
    now: () => nowMs,
    timestamp: () => '2026-01-01T00:00:00.000Z',
    epoch: 'test',
    lease: DEFAULT_LEASE,
    limits: DEFAULT_LIMITS,
    sweepMs: 1_000,
  });
  const enter = (name: string, id: string, more: Partial<RegistrationInput> = {}) => {
    const result = registerVerified(table, registrationOf(name, id, more));
    if (!('secret' in result)) throw new Error(`registration failed: ${result.outcome}`);
    return result.secret;
  };
  const ids = (name: string) => table.service(name)?.instances.map((one) => one.instance_id) ?? [];
  const pass = (seconds: number) => {
    for (let second = 0; second < seconds; second++) {
      nowMs += 1_000;
      table.expire();
    }
  };
  return { table, enter, ids, pass };
}

const get = (...paths: string[]) => ({
  routes: paths.map((path) => ({ method: 'GET', path, auth: 'public' })),
});
const belowPrefix = (method: string, path: string) => ({
  routes: [{ method, path, auth: 'public', prefix_only: true }],
});

describe('an address', () => {
  test('is routed once it is verified, and until then says why it is not', () => {
    const { table, ids } = setUp();
    const result = table.register(registrationOf('birds', 'a'));
    expect(result).toMatchObject({ outcome: 'registered', isPending: true });
    const target = table.target({ name: 'birds', instance_id: 'a' });
    if (!target || !('secret' in result)) throw new Error('the instance does not wait');
    expect(table.settle(target, { outcome: 'failed', reason: 'Something else answers.' })).toBe('pending');
    expect(ids('birds')).toEqual([]);
    expect(table.unverified()).toMatchObject([{ instance_id: 'a', reason: 'Something else answers.' }]);
    expect(table.heartbeat('a', result.secret)).toEqual({
      outcome: 'unverified',
      reason: 'Something else answers.',
    });
    expect(table.settle(target, { outcome: 'verified' })).toBe('verified');
    expect(ids('birds')).toEqual(['a']);
    expect(table.unverified()).toEqual([]);
  });

  test('holds one lease: a proof ends every other one there at once, whatever the spelling of the host', () => {
    const { enter, ids } = setUp();
    enter('old', 'a', { host: 'localhost', port: 5_100 });
    enter('elder', 'b', { host: '127.0.0.1', port: 5_050, grpc_port: 5_150 });
    enter('other', 'c', { host: '::1', port: 5_100 });
    enter('new', 'd', { host: '127.0.0.1', port: 5_100, grpc_port: 5_150 });
    expect([ids('old'), ids('elder'), ids('other'), ids('new')]).toEqual([[], [], ['c'], ['d']]);
    enter('newer', 'e', { host: '0:0:0:0:0:0:0:1', port: 5_100 });
    expect([ids('other'), ids('newer')]).toEqual([[], ['e']]);
  });

  test('is verified again when it begins to serve TLS, or ceases to', () => {
    const { table, enter } = setUp();
    const secret = enter('birds', 'a', { tls: true });
    expect(table.service('birds')?.instances).toMatchObject([{ tls: true }]);
    expect(table.register(registrationOf('birds', 'a', { tls: true }), secret)).toMatchObject({
      isPending: false,
    });
    expect(table.register(registrationOf('birds', 'a'), secret)).toMatchObject({ isPending: true });
    expect(table.service('birds')?.instances).toMatchObject([{ tls: true }]);
    const target = table.target({ name: 'birds', instance_id: 'a' });
    if (target) table.settle(target, { outcome: 'verified' });
    expect(table.service('birds')?.instances[0]).not.toHaveProperty('tls');
  });

  test('is taken over by the process that proves it, and the earlier lease holds until then', () => {
    const { table, enter, ids } = setUp();
    const before = enter('birds', 'a');
    const restarted = table.register(registrationOf('birds', 'a', { version: '2.0.0' }));
    if (!('secret' in restarted)) throw new Error(restarted.outcome);
    expect(table.heartbeat('a', before).outcome).toBe('renewed');
    const target = table.target({ name: 'birds', instance_id: 'a' });
    if (target) table.settle(target, { outcome: 'verified' });
    expect(table.heartbeat('a', before).outcome).toBe('wrong-secret');
    expect(table.heartbeat('a', restarted.secret).outcome).toBe('renewed');
    expect(table.service('birds')?.instances).toMatchObject([{ instance_id: 'a', version: '2.0.0' }]);
    expect(ids('birds')).toEqual(['a']);
  });

  test('that was proved is not taken by a health check', () => {
    const { table, enter, ids } = setUp();
    enter('birds', 'a', { port: 5_100 });
    enter('thief', 'b', { port: 5_100, verify: 'http', health_path: '/' });
    expect([ids('birds'), ids('thief')]).toEqual([['a'], []]);
    expect(table.unverified()).toMatchObject([
      { name: 'thief', reason: 'Another instance has proved that it listens at this address.' },
    ]);
  });

  test('that something else answers after a missed heartbeat is no longer routed', () => {
    const { table, enter, ids, pass } = setUp();
    const secret = enter('birds', 'a');
    pass(7);
    expect(table.doubtful().silent).toEqual([]);
    pass(1);
    const [target] = table.doubtful().silent;
    if (!target) throw new Error('the address is not doubted');
    table.settle(target, { outcome: 'unreachable', reason: 'No answer.' });
    expect(ids('birds')).toEqual(['a']);
    table.settle(target, { outcome: 'failed', reason: 'Another process.' });
    expect(ids('birds')).toEqual([]);
    expect(table.heartbeat('a', secret)).toEqual({ outcome: 'unverified', reason: 'Another process.' });
  });
});

test('the remains of a crash loop end after 15 s and switch no protection on', () => {
  const { table, enter, ids, pass } = setUp();
  for (let crash = 0; crash < 6; crash++) enter('birds', `crashed-${crash}`);
  const secret = enter('birds', 'running');
  for (let second = 0; second < 16; second++) {
    pass(1);
    table.heartbeat('running', secret);
    for (const target of table.doubtful().silent)
      table.settle(target, { outcome: 'refused', reason: 'Nothing listens.' });
    expect(table.service('birds')?.instances.some((one) => one.protected)).toBe(false);
  }
  expect(ids('birds')).toEqual(['running']);
});

describe('a claim conflicts where it could take a request of another service', () => {
  const conflicts: [string, Partial<RegistrationInput>, Partial<RegistrationInput>][] = [
    ['a static segment beside a parameter', get('/users/:username'), get('/users/alice')],
    ['a parameter beside a static segment', get('/users/alice'), get('/users/:username')],
    ['a wildcard above a route', get('/files/:id/content'), get('/files/*')],
    ['a route below a wildcard', get('/files/*'), get('/files/:id/content')],
    [
      'HEAD of a GET',
      get('/users/:username'),
      { routes: [{ method: 'HEAD', path: '/users/a', auth: 'public' }] },
    ],
    ['OPTIONS of a GET', get('/users'), { routes: [{ method: 'OPTIONS', path: '/users', auth: 'public' }] }],
    [
      'a root route below a prefix',
      belowPrefix('POST', '/login'),
      {
        routes: [{ method: 'POST', path: '/owner/login', auth: 'public' }],
      },
    ],
    ['the alias of a route below a prefix', get('/things/:id'), get('/owner/things/:id')],
    ['a prefix above a root route', get('/rival/:id'), belowPrefix('ALL', '/*')],
    ['the documentation of a service', {}, get('/owner/docs')],
    ['the health of a service, by a parameter', {}, get('/owner/:page')],
  ];
  test.each(conflicts)('%s', (_, owned, wanted) => {
    const { table, enter } = setUp();
    enter('owner', 'o', owned);
    expect(table.register(registrationOf('rival', 'r', wanted))).toMatchObject({
      outcome: 'conflict',
      owner: 'owner',
    });
  });

  const peaceful: [string, Partial<RegistrationInput>, Partial<RegistrationInput>][] = [
    ['another method', get('/users'), { routes: [{ method: 'POST', path: '/users', auth: 'public' }] }],
    ['another static segment', get('/users/:username/followers'), get('/users/:username/likes')],
    ['an alias that shares one value of a parameter', get('/owner/:username'), get('/owner/:username/likes')],
    ['the same path below two prefixes', belowPrefix('GET', '/things'), belowPrefix('GET', '/things')],
  ];
  test.each(peaceful)('but not with %s', (_, owned, wanted) => {
    const { enter, ids } = setUp();
    enter('owner', 'o', owned);
    enter('rival', 'r', wanted);
    expect([ids('owner'), ids('rival')]).toEqual([['o'], ['r']]);
  });

  test('also when the claim was free at the registration: then the instance is not routed and says why', () => {
    const { table, enter, ids } = setUp();
    table.register(registrationOf('slow', 's', get('/users/alice')));
    enter('users', 'u', get('/users/:username'));
    const target = table.target({ name: 'slow', instance_id: 's' });
    if (target) table.settle(target, { outcome: 'verified' });
    expect(ids('slow')).toEqual([]);
    expect(table.unverified()).toMatchObject([
      { name: 'slow', reason: 'GET /users/alice belongs to users.' },
    ]);
  });

  test('and an instance that is not verified claims nothing', () => {
    const { table, enter, ids } = setUp();
    table.register(registrationOf('impostor', 'i', get('/login')));
    enter('users', 'u', get('/login'));
    expect(ids('users')).toEqual(['u']);
  });
});

test('a name registered with its credential stays that of its holder for an hour after its last instance', () => {
  const { table, pass } = setUp();
  const result = table.register(registrationOf('birds', 'a'), undefined, true);
  const target = table.target({ name: 'birds', instance_id: 'a' });
  if (!target || !('secret' in result)) throw new Error('the instance does not wait');
  expect(table.isOwned('birds')).toBe(false);
  table.settle(target, { outcome: 'verified' });
  table.remove('a', result.secret);
  pass(3_599);
  expect(table.isOwned('birds')).toBe(true);
  pass(2);
  expect(table.isOwned('birds')).toBe(false);
  expect(table.service('birds')).toBeUndefined();
});
