import { expect, test } from 'bun:test';
import fc from 'fast-check';
import type { Instance } from '#contracts/registry';
import { DEFAULT_LEASE } from './expiry';
import { hashSecret } from './lease-secret';
import { type InstanceKey, type InstanceRecord, keyOf, nextVersion } from './records';
import { DEFAULT_LIMITS } from './rows';
import { createTable } from './table';
import { registerVerified, registrationOf } from './test-table';

const SERVICES = ['users', 'posts', 'likes'];
const INSTANCES = ['a', 'b', 'c'];
const REPLICAS = ['0198c1de-0000-7000-8000-00000000000a', '0198c1de-0000-7000-8000-00000000000b'];

function newTable(replica = REPLICAS[0] ?? '', wallClock = () => 1_000) {
  let nowMs = 0;
  const changed: InstanceKey[] = [];
  const table = createTable({
    now: () => nowMs,
    timestamp: () => '2026-01-01T00:00:00.000Z',
    epoch: replica,
    lease: DEFAULT_LEASE,
    limits: DEFAULT_LIMITS,
    sweepMs: 1_000,
    replication: {
      replica,
      wallClock,
      isComplete: () => true,
      changed: (instance) => void changed.push(instance),
      renewed: () => undefined,
    },
  });
  return {
    table,
    changed,
    pass(seconds: number, peers: 'connected' | 'disconnected' = 'connected') {
      for (let second = 0; second < seconds; second++) {
        nowMs += 1_000;
        table.expire(undefined, peers);
      }
    },
  };
}

const registration = (name: string, id: string, route = '/shared') => ({
  ...registrationOf(name, id, { routes: [{ method: 'GET', path: route, auth: 'public' }] }),
  instance_id: id,
});

const instanceOf = (name: string, id: string, minute: number): RecordedInstance => ({
  ...registration(name, id),
  weight: 100,
  metadata: {},
  registered_at: `2026-01-01T00:${String(minute).padStart(2, '0')}:00.000Z`,
});
type RecordedInstance = Omit<Instance, 'state' | 'protected' | 'load' | 'changed_at_revision'>;

const record: fc.Arbitrary<InstanceRecord> = fc
  .record({
    name: fc.constantFrom(...SERVICES),
    id: fc.constantFrom(...INSTANCES),
    counter: fc.integer({ min: 1, max: 30 }),
    replica: fc.constantFrom(...REPLICAS),
    reported: fc.constantFrom('starting' as const, 'up' as const, 'draining' as const),
    gone: fc.option(fc.constantFrom('left' as const, 'expired' as const), { nil: undefined }),
  })
  .map(({ name, id, counter, replica, reported, gone }): InstanceRecord => {
    const key = { name, instance_id: id, version: `${String(counter).padStart(15, '0')}-${replica}` };
    if (gone) return { ...key, gone };
    const secret_hash = hashSecret(`${name}${id}${counter}`).toString('base64url');
    return { ...key, secret_hash, reported, instance: instanceOf(name, id, counter) };
  });

/** One version is one change: every replica sends the same record for it. */
const records = fc
  .array(record, { maxLength: 60 })
  .map((all) => [...new Map(all.map((each) => [`${keyOf(each)} ${each.version}`, each])).values()]);

function known(table: ReturnType<typeof newTable>['table']) {
  const versions = table.keys().map((key) => [keyOf(key), table.versionOf(key)]);
  const listed = Object.values(table.snapshot().services)
    .flat()
    .map(({ changed_at_revision: _, ...shown }) => shown);
  const owners = SERVICES.map((name) => table.register(registration(`rival-of-${name}`, 'r', '/shared')));
  return {
    versions: versions.sort(),
    listed: listed.sort((left, right) => keyOf(left).localeCompare(keyOf(right))),
    owner: owners[0]?.outcome === 'conflict' ? owners[0].owner : undefined,
  };
}

test('replicas that received the same records converge, in whatever order and however often they arrived', () => {
  fc.assert(
    fc.property(
      records.chain((all) =>
        fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }), fc.subarray(all)),
      ),
      ([inOrder, shuffled, again]) => {
        const [first, second] = [newTable(), newTable(REPLICAS[1])];
        for (const each of inOrder) first.table.merge(each);
        for (const each of [...shuffled, ...again, ...shuffled]) second.table.merge(each);
        expect(known(second.table)).toEqual(known(first.table));
      },
    ),
    { numRuns: 500 },
  );
});

test('a replica that merges the changes of another shows the same instances', () => {
  const steps = fc.array(
    fc.record({
      name: fc.constantFrom(...SERVICES),
      id: fc.constantFrom(...INSTANCES),
      what: fc.constantFrom('register' as const, 'drain' as const, 'remove' as const),
      at: fc.constantFrom(0, 1),
    }),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(steps, (all) => {
      const [here, there] = [newTable(REPLICAS[0]), newTable(REPLICAS[1])];
      const secrets = new Map<string, string>();
      for (const { name, id, what, at } of all) {
        const { table } = at === 0 ? here : there;
        const secret = secrets.get(`${name}/${id}`) ?? '';
        if (what === 'register') {
          const result = registerVerified(table, registration(name, id, `/${name}`), secret);
          if ('secret' in result) secrets.set(`${name}/${id}`, result.secret);
        } else if (what === 'drain') table.drain(id, secret);
        else table.remove(id, secret);
        replicate(here, there);
        replicate(there, here);
        const states = [here, there].map(({ table: each }) => known(each).listed);
        expect(states[0]).toEqual(states[1] ?? []);
      }
    }),
    { numRuns: 200 },
  );
});

function replicate(from: ReturnType<typeof newTable>, to: ReturnType<typeof newTable>) {
  for (const key of from.changed.splice(0)) {
    const changed = from.table.record(key);
    if (changed) to.table.merge(JSON.parse(JSON.stringify(changed)));
  }
}

test('versions increase even when clocks run backwards', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(1e12), fc.constantFrom(...REPLICAS)), { minLength: 2 }),
      (changes) => {
        let version = '';
        for (const [wallClockMs, replica] of changes) {
          const next = nextVersion(version, wallClockMs, replica);
          expect(next > version).toBe(true);
          version = next;
        }
      },
    ),
  );
});

test('an instance with a local heartbeat survives its expiry on another replica', () => {
  const { table, changed } = newTable();
  const result = registerVerified(table, registration('users', 'a'));
  if (result.outcome !== 'registered') throw new Error(result.outcome);
  changed.splice(0);
  const version = nextVersion(table.versionOf({ name: 'users', instance_id: 'a' }), 5_000, REPLICAS[1] ?? '');
  const expired = { name: 'users', instance_id: 'a', version, gone: 'expired' as const };
  expect(table.merge(expired).outcome).toBe('refuted');
  expect(table.service('users')?.instances).toHaveLength(1);
  expect(changed).toHaveLength(1);
  // A deregistration comes from the instance itself and applies.
  expect(
    table.merge({ ...expired, version: nextVersion(version, 9_000, REPLICAS[1] ?? ''), gone: 'left' }),
  ).toEqual({
    outcome: 'applied',
  });
  expect(table.service('users')?.instances).toEqual([]);
});

test('while other replicas are disconnected, leases renewed there do not expire, and local leases do', () => {
  const { table, pass } = newTable();
  registerVerified(table, registration('own', 'a', '/own'));
  const instance = instanceOf('others', 'b', 1);
  const secret_hash = hashSecret('secret').toString('base64url');
  const version = nextVersion('', 1_000, REPLICAS[1] ?? '');
  table.merge({ name: 'others', instance_id: 'b', version, secret_hash, reported: 'up', instance });
  pass(300, 'disconnected');
  expect(table.service('own')?.instances).toEqual([]);
  expect(table.service('others')?.instances).toMatchObject([{ state: 'up' }]);
  pass(29);
  expect(table.service('others')?.instances).toMatchObject([{ state: 'unhealthy' }]);
  expect(table.renewedRemotely({ name: 'others', instance_id: 'b' }, 0.5)).toBe(true);
  expect(table.service('others')?.instances).toMatchObject([{ state: 'up', load: 0.5 }]);
  pass(30);
  expect(table.service('others')?.instances).toEqual([]);
});

test('of two services that claimed one route on two replicas, the older one owns it on all', () => {
  const claimed = (name: string, minute: number): InstanceRecord => ({
    name,
    instance_id: 'a',
    version: nextVersion('', minute, REPLICAS[0] ?? ''),
    secret_hash: hashSecret(name).toString('base64url'),
    reported: 'up',
    instance: instanceOf(name, 'a', minute),
  });
  for (const order of [
    ['young', 'old'],
    ['old', 'young'],
  ]) {
    const { table } = newTable();
    const results = order.map((name) => table.merge(claimed(name, name === 'old' ? 1 : 2)));
    const conflict = { claim: 'GET /shared', owner: 'old' };
    expect(results[order.indexOf('young')]?.conflict ?? conflict).toEqual(conflict);
    expect(table.register(registration('third', 'a'))).toEqual({ outcome: 'conflict', ...conflict });
    expect(table.register(registration('young', 'b'))).toEqual({ outcome: 'conflict', ...conflict });
    expect(table.register(registration('old', 'b')).outcome).toBe('registered');
  }
});
