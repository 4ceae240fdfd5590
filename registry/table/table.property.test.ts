import { expect, setDefaultTimeout, test } from 'bun:test';
import fc from 'fast-check';
import type { Instance } from '#contracts/registry';
import { DEFAULT_LEASE } from './expiry';
import type { Table } from './model';
import { DEFAULT_LIMITS } from './rows';
import { createTable } from './table';
import { createModel, shown } from './test-model';

// Thousands of steps, each compared with the model: several seconds on a busy machine.
setDefaultTimeout(60_000);

interface World {
  readonly table: Table;
  readonly model: ReturnType<typeof createModel>;
  /** A copy of the table maintained from its changes alone. */
  readonly copy: { revision: number; services: Record<string, readonly Instance[]> };
}

const IDS = [...'abcdef'];
const service = fc.constantFrom('users', 'posts');
const key = fc.record({ service, id: fc.constantFrom(...IDS) });
const wanted = fc.record({
  route: fc.constantFrom('/one/:x', '/one/two', '/three'),
  // Few, so that instances often follow each other at one address.
  port: fc.constantFrom(1_001, 1_002, 1_003),
});
const hasSecret = fc.boolean();
const state = fc.constantFrom('starting' as const, 'up' as const, 'draining' as const, undefined);
const outcome = fc.constantFrom(
  'verified' as const,
  'failed' as const,
  'refused' as const,
  'unreachable' as const,
);
const seconds = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constant(600));

type Step = (model: World['model']) => void;
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.tuple(key, wanted, hasSecret).map((given) => (model: World['model']) => {
      model.register(...given);
    }),
  },
  {
    weight: 5,
    arbitrary: fc.tuple(key, wanted).map(([which, what]) => (model: World['model']) => {
      model.register(which, what, true);
      model.settleWaiting(which, 'verified');
    }),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(key, outcome)
      .map((given) => (model: World['model']) => model.settleWaiting(...given)),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.nat(11), outcome)
      .map((given) => (model: World['model']) => model.settleSilent(...given)),
  },
  {
    weight: 5,
    arbitrary: fc
      .tuple(key, state, hasSecret)
      .map((given) => (model: World['model']) => model.heartbeat(...given)),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(key, hasSecret).map((given) => (model: World['model']) => model.remove(...given)),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(service, fc.subarray(IDS))
      .map((given) => (model: World['model']) => model.heartbeatAll(...given)),
  },
  { weight: 4, arbitrary: seconds.map((count) => (model: World['model']) => model.passSeconds(count)) },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 10, max: 100_000 })
      .map((count) => (model: World['model']) => model.pauseProcess(count)),
  },
);

test('the table matches a model in whole seconds, and its changes alone reproduce it', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 100, size: 'max' }), (steps) => {
      const world = newWorld();
      const { table, model } = world;
      for (const take of steps) {
        const before = { revision: table.revision(), shown: shown(table) };
        take(model);
        expect(shown(table)).toEqual(model.expected());
        expect(
          table
            .unverified()
            .map((one) => `${one.name}/${one.instance_id}`)
            .sort(),
        ).toEqual(model.waiting());
        if (!Bun.deepEquals(before.shown, shown(table)))
          expect(table.revision()).toBeGreaterThan(before.revision);
        updateCopy(world);
      }
    }),
    { numRuns: 120 },
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
  const model = createModel(table, (ms) => {
    nowMs += ms;
  });
  return { table, model, copy: { revision: 0, services: {} } };
}

function updateCopy({ table, copy }: World) {
  for (const change of table.since(copy.revision) ?? []) copy.services[change.name] = change.instances;
  copy.revision = table.revision();
  // Tombstones fade without a change.
  const { services } = table.snapshot();
  for (const [name, instances] of Object.entries(copy.services))
    if (instances.length === 0 && !(name in services)) delete copy.services[name];
  expect(copy.services).toEqual(services);
}
