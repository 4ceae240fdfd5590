import { expect, setDefaultTimeout, test } from 'bun:test';
import fc from 'fast-check';
import type { Instance, InstanceState } from '#contracts/registry';
import { DEFAULT_LEASE } from './expiry';
import type { Table } from './model';
import { DEFAULT_LIMITS } from './rows';
import { createTable } from './table';

// Thousands of steps, each compared with the model: several seconds on a busy machine.
setDefaultTimeout(60_000);

/** The expected state of one instance, in whole seconds. */
interface Modelled {
  readonly service: string;
  readonly id: string;
  readonly secret: string;
  route: string;
  reported: Exclude<InstanceState, 'unhealthy'>;
  silentSeconds: number;
  protectedSeconds: number | undefined;
}

interface World {
  readonly table: Table;
  readonly pass: (ms: number) => void;
  model: Modelled[];
  /** A copy of the table maintained from its changes alone. */
  readonly copy: { revision: number; services: Record<string, readonly Instance[]> };
}

interface Key {
  readonly service: string;
  readonly id: string;
}

const IDS = [...'abcdef'];
const service = fc.constantFrom('users', 'posts');
const key = fc.record({ service, id: fc.constantFrom(...IDS) });
const route = fc.constantFrom('/one/:x', '/two', '/three');
const hasSecret = fc.boolean();
const state = fc.constantFrom('starting' as const, 'up' as const, 'draining' as const, undefined);
const seconds = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constant(600));

const step: fc.Arbitrary<(world: World) => void> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.tuple(key, route, hasSecret).map((given) => (world: World) => register(world, ...given)),
  },
  {
    weight: 5,
    arbitrary: fc.tuple(key, state, hasSecret).map((given) => (world: World) => heartbeat(world, ...given)),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(key, hasSecret).map((given) => (world: World) => remove(world, ...given)),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(service, fc.subarray(IDS))
      .map((given) => (world: World) => heartbeatAll(world, ...given)),
  },
  { weight: 4, arbitrary: seconds.map((count) => (world: World) => passSeconds(world, count)) },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 10, max: 100_000 })
      .map((count) => (world: World) => pauseProcess(world, count)),
  },
);

test('the table matches a model in whole seconds, and its changes alone reproduce it', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 100, size: 'max' }), (steps) => {
      const world = newWorld();
      for (const take of steps) {
        const before = { revision: world.table.revision(), shown: shown(world.table) };
        take(world);
        expect(shown(world.table)).toEqual(expected(world.model));
        if (!Bun.deepEquals(before.shown, shown(world.table)))
          expect(world.table.revision()).toBeGreaterThan(before.revision);
        updateCopy(world);
      }
    }),
    { numRuns: 200 },
  );
});

function newWorld(): World {
  let nowMs = 0;
  const table = createTable({
    now: () => nowMs,
    timestamp: () => '2026-01-01T00:00:00.000Z',
    epoch: 'test',
    lease: DEFAULT_LEASE,
    limits: DEFAULT_LIMITS,
    sweepMs: 1_000,
  });
  const pass = (ms: number) => {
    nowMs += ms;
  };
  return { table, pass, model: [], copy: { revision: 0, services: {} } };
}

const modelled = (world: World, { service, id }: Key) =>
  world.model.find((instance) => instance.service === service && instance.id === id);

function register(world: World, wanted: Key, path: string, hasSecret: boolean) {
  const known = modelled(world, wanted);
  const result = world.table.register(
    {
      name: wanted.service,
      version: '1.0.0',
      host: '127.0.0.1',
      port: 5101,
      instance_id: wanted.id,
      routes: [{ method: 'GET', path, auth: 'public' }],
      prefixes: [],
    },
    hasSecret ? known?.secret : 'guess',
  );
  const owner = world.model.find((each) => each.route === path && each.service !== wanted.service)?.service;
  if (known && !hasSecret) expect(result.outcome).toBe('wrong-secret');
  else if (owner) expect(result).toMatchObject({ outcome: 'conflict', owner });
  else if (known) {
    expect(result.outcome).toBe('renewed');
    Object.assign(known, { route: path, reported: 'up', silentSeconds: 0, protectedSeconds: undefined });
  } else {
    if (result.outcome !== 'registered') throw new Error(`registration failed: ${result.outcome}`);
    world.model.push({
      ...wanted,
      secret: result.secret,
      route: path,
      reported: 'up',
      silentSeconds: 0,
      protectedSeconds: undefined,
    });
  }
}

/** Some instances of a service send heartbeats at the same time, the others do not. */
function heartbeatAll(world: World, service: string, ids: readonly string[]) {
  for (const id of ids) {
    if (modelled(world, { service, id })) heartbeat(world, { service, id }, undefined, true);
    else register(world, { service, id }, `/${service}`, true);
  }
}

function heartbeat(world: World, wanted: Key, state: Modelled['reported'] | undefined, hasSecret: boolean) {
  const known = modelled(world, wanted);
  const reported = state === undefined ? {} : { state };
  const result = world.table.heartbeat(wanted.id, known && hasSecret ? known.secret : 'guess', reported);
  const isUsed = world.model.some((instance) => instance.id === wanted.id);
  if (!known || !hasSecret) expect(result.outcome).toBe(isUsed ? 'wrong-secret' : 'unknown');
  else {
    Object.assign(known, {
      reported: state ?? known.reported,
      silentSeconds: 0,
      protectedSeconds: undefined,
    });
    expect(result).toEqual({ outcome: 'renewed', state: known.reported });
  }
}

function remove(world: World, wanted: Key, hasSecret: boolean) {
  const known = modelled(world, wanted);
  const { outcome } = world.table.remove(wanted.id, known && hasSecret ? known.secret : 'guess');
  const isUsed = world.model.some((instance) => instance.id === wanted.id);
  if (!known || !hasSecret) expect(outcome).toBe(isUsed ? 'wrong-secret' : 'unknown');
  else {
    expect(outcome).toBe('removed');
    world.model = world.model.filter((instance) => instance !== known);
  }
}

function passSeconds(world: World, count: number) {
  for (let second = 0; second < count; second++) sweep(world, 1_000);
}

/** However long the process is paused, leases age by one ordinary interval. */
const pauseProcess = (world: World, count: number) => sweep(world, count * 1_000);

function sweep(world: World, ms: number) {
  world.pass(ms);
  world.table.expire();
  for (const instance of world.model) {
    instance.silentSeconds++;
    if (instance.protectedSeconds !== undefined) instance.protectedSeconds++;
  }
  for (const service of new Set(world.model.map((instance) => instance.service))) expire(world, service);
}

function expire(world: World, service: string) {
  const own = world.model.filter((instance) => instance.service === service);
  const live = own.filter((each) => each.protectedSeconds === undefined && each.reported !== 'draining');
  const silent = live.filter((each) => each.silentSeconds >= 15);
  const isAnyDue = silent.some((each) => each.silentSeconds >= 30);
  const isProtecting = isAnyDue && silent.length >= 3 && silent.length > live.length / 2;
  const removed = own.filter((each) =>
    each.protectedSeconds === undefined
      ? each.silentSeconds >= 30 && !(isProtecting && silent.includes(each))
      : each.protectedSeconds >= 600,
  );
  if (isProtecting) for (const each of silent) each.protectedSeconds = 0;
  world.model = world.model.filter((instance) => !removed.includes(instance));
}

const shown = (table: Table) => sorted(Object.values(table.snapshot().services).flat().map(seen));

const expected = (model: readonly Modelled[]) =>
  sorted(
    model.map((instance) => ({
      service: instance.service,
      id: instance.id,
      route: instance.route,
      state: instance.silentSeconds >= 15 ? ('unhealthy' as const) : instance.reported,
      protected: instance.protectedSeconds !== undefined,
    })),
  );

const seen = (instance: Instance) => ({
  service: instance.name,
  id: instance.instance_id,
  route: instance.routes[0]?.path ?? '',
  state: instance.state,
  protected: instance.protected,
});

const sorted = (rows: ReturnType<typeof seen>[]) =>
  rows.sort((left, right) => `${left.service} ${left.id}`.localeCompare(`${right.service} ${right.id}`));

function updateCopy({ table, copy }: World) {
  for (const change of table.since(copy.revision) ?? []) copy.services[change.name] = change.instances;
  copy.revision = table.revision();
  expect(copy.services).toEqual(table.snapshot().services);
}
