import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import type { Instance, InstanceState } from '#contracts/registry';
import type { Attempt, AttemptResult } from '../model/attempt';
import { createBalancer, type EjectionEvent, type InstanceLoad } from './balancer';

const NONE: ReadonlySet<string> = new Set();

function instance(id: string, changes: Partial<Instance> = {}): Instance {
  return {
    instance_id: id,
    name: 'users',
    version: '1.0.0',
    host: '127.0.0.1',
    port: 5100,
    weight: 100,
    metadata: {},
    routes: [],
    prefixes: ['users'],
    state: 'up',
    protected: false,
    registered_at: '2026-01-01T00:00:00.000Z',
    changed_at_revision: 1,
    ...changes,
  };
}

/** A deterministic random number generator (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

function setUp(seed = 1) {
  const clock = { ms: 0 };
  const events: EjectionEvent[] = [];
  const balancer = createBalancer(
    { now: () => clock.ms, random: seeded(seed) },
    (one) => void events.push(one),
  );
  /** Sends requests in sequence, each with the latency of `latencyOf`. @returns the count per instance */
  function serve(requests: number, latencyOf: (id: string) => number, isOk = (_: string) => true) {
    const counts: Record<string, number> = {};
    for (let request = 0; request < requests; request++) {
      const attempt = balancer.pick(NONE, true);
      if (attempt === null) continue;
      counts[attempt.instanceId] = (counts[attempt.instanceId] ?? 0) + 1;
      clock.ms += 1;
      attempt.done(isOk(attempt.instanceId) ? 'answered' : 'broken', latencyOf(attempt.instanceId));
    }
    return counts;
  }
  return { balancer, clock, serve, events };
}

describe('traffic follows weight', () => {
  const cases: Record<string, Record<string, number>> = {
    'two alike': { a: 100, b: 100 },
    'a canary': { a: 100, b: 5 },
    'one big among small ones': { a: 100, b: 10, c: 10, d: 10, e: 10 },
    'all different': { a: 10, b: 20, c: 30, d: 40 },
  };
  for (const [name, weights] of Object.entries(cases))
    test(name, () => {
      const { balancer, serve } = setUp();
      balancer.update(Object.entries(weights).map(([id, weight]) => instance(id, { weight })));
      const counts = serve(40_000, () => 30);
      const total = Object.values(weights).reduce((sum, weight) => sum + weight, 0);
      for (const [id, weight] of Object.entries(weights))
        expect((counts[id] ?? 0) / 40_000).toBeCloseTo(weight / total, 1.5);
    });

  test('weight 0 receives none', () => {
    const { balancer, serve } = setUp();
    balancer.update([instance('a'), instance('b', { weight: 0 })]);
    expect(serve(1_000, () => 5)).toEqual({ a: 1_000 });
  });
});

describe('traffic avoids slow and failing instances', () => {
  test('an instance that fails fast attracts no traffic', () => {
    const { balancer, serve } = setUp();
    balancer.update([instance('good'), instance('other'), instance('failing')]);
    const counts = serve(
      10_000,
      (id) => (id === 'failing' ? 0.1 : 5),
      (id) => id !== 'failing',
    );
    expect(counts.failing ?? 0).toBeLessThan(100);
  });

  test('also when it is one of two', () => {
    const { balancer, serve } = setUp();
    balancer.update([instance('good'), instance('failing')]);
    const counts = serve(
      10_000,
      (id) => (id === 'failing' ? 0.1 : 5),
      (id) => id !== 'failing',
    );
    expect(counts.failing ?? 0).toBeLessThan(100);
  });

  test('an instance that was slow is used again after a while', () => {
    const { balancer, clock, serve } = setUp();
    balancer.update([instance('a'), instance('b')]);
    serve(200, (id) => (id === 'b' ? 4_000 : 5));
    clock.ms += 120_000;
    expect(serve(2_000, () => 5).b ?? 0).toBeGreaterThan(500);
  });

  test('an instance with many requests in flight receives fewer', () => {
    const { balancer } = setUp();
    balancer.update([instance('a'), instance('b')]);
    const open: Attempt[] = [];
    for (let request = 0; request < 100; request++) {
      const attempt = balancer.pick(NONE, true);
      if (attempt?.instanceId === 'b') attempt.done('answered', 30);
      else if (attempt) open.push(attempt);
    }
    expect(open.length).toBeLessThan(20);
  });
});

describe('states', () => {
  const only = (...states: InstanceState[]) => {
    const { balancer } = setUp();
    balancer.update(states.map((state, index) => instance(`${state}-${index}`, { state })));
    return balancer;
  };

  test('starting and draining instances receive nothing', () => {
    const balancer = only('starting', 'draining');
    expect(balancer.isAvailable()).toBe(false);
    expect(balancer.pick(NONE, true)).toBeNull();
  });

  test('an unhealthy instance is used when there is no other', () => {
    expect(only('unhealthy', 'draining').pick(NONE, true)?.instanceId).toBe('unhealthy-0');
    const balancer = only('unhealthy', 'up');
    for (let request = 0; request < 100; request++)
      expect(balancer.pick(NONE, true)?.instanceId).toBe('up-1');
    expect(balancer.pick(new Set(['up-1']), true)?.instanceId).toBe('unhealthy-0');
  });

  test('a removed instance receives nothing, and its requests in flight may end', () => {
    const { balancer } = setUp();
    balancer.update([instance('a')]);
    const attempt = balancer.pick(NONE, true);
    balancer.update([]);
    expect(balancer.pick(NONE, true)).toBeNull();
    attempt?.done('answered', 5);
    expect(balancer.loads()).toEqual([]);
  });
});

describe('an instance with consecutive failures', () => {
  /** Sends concurrent requests to one instance. */
  function runAt(scene: ReturnType<typeof setUp>, id: string, count: number, result: AttemptResult) {
    const others = new Set(scene.balancer.loads().map((load) => load.instance.instance_id));
    others.delete(id);
    const attempts = Array.from({ length: count }, () => scene.balancer.pick(others, true));
    for (const attempt of attempts) attempt?.done(result, 1);
  }

  test('is ejected for 30 s, then probed by one request, and in slow start when that succeeds', () => {
    const scene = setUp();
    const { balancer, clock, serve, events } = scene;
    balancer.update([instance('good'), instance('bad')]);
    clock.ms = 20_000;
    runAt(scene, 'bad', 5, 'unreachable');
    expect(events).toMatchObject([{ change: 'ejected', result: 'unreachable', forMs: 30_000, ejections: 1 }]);
    expect(serve(1_000, () => 5)).toEqual({ good: 1_000 });
    expect(balancer.loads()).toMatchObject([{ ejectedForMs: 0 }, { ejectedForMs: 29_000, ejections: 1 }]);
    clock.ms = 50_000;
    const probe = balancer.pick(NONE, true);
    expect(probe).toMatchObject({ instanceId: 'bad', isProbe: true });
    expect(balancer.loads()).toMatchObject([{ probing: false }, { probing: true }]);
    expect(serve(1_000, () => 5)).toEqual({ good: 1_000 });
    probe?.done('answered', 5);
    expect(events.at(-1)).toMatchObject({ change: 'returned' });
    expect(balancer.loads()).toMatchObject([{ slowStartShare: 1 }, { probing: false, slowStartShare: 0.1 }]);
  });

  test('is used at once when another process has taken its place', () => {
    const scene = setUp();
    scene.balancer.update([instance('good'), instance('bad')]);
    runAt(scene, 'bad', 5, 'unreachable');
    expect(scene.balancer.loads()).toMatchObject([{ ejectedForMs: 0 }, { ejectedForMs: 30_000 }]);
    const restarted = instance('bad', { registered_at: '2026-01-01T00:01:00.000Z' });
    scene.balancer.update([instance('good'), restarted]);
    expect(scene.balancer.loads()).toMatchObject([{ ejectedForMs: 0 }, { ejectedForMs: 0 }]);
  });

  test('is ejected for longer when the probe fails', () => {
    const scene = setUp();
    scene.balancer.update([instance('good'), instance('bad')]);
    runAt(scene, 'bad', 5, 'timeout');
    scene.clock.ms = 30_000;
    scene.balancer.pick(NONE, true)?.done('timeout', 5_000);
    expect(scene.events.at(-1)).toMatchObject({ change: 'ejected', forMs: 60_000, ejections: 2 });
  });

  test('is probed again when the client of the first probe has disconnected', () => {
    const scene = setUp();
    scene.balancer.update([instance('good'), instance('bad')]);
    runAt(scene, 'bad', 5, 'broken');
    scene.clock.ms = 30_000;
    scene.balancer.pick(NONE, true)?.done('abandoned', 5);
    expect(scene.balancer.pick(NONE, true)).toMatchObject({ instanceId: 'bad', isProbe: true });
  });

  test.each<[AttemptResult, number]>([
    ['unavailable', 1],
    ['unreachable', 1],
    ['timeout', 1],
    ['broken', 1],
    ['answered', 0],
    ['abandoned', 0],
    // It is healthy, and turns away what it could not do in time.
    ['overloaded', 0],
    // Every instance would fail that request: a client could have half of a service ejected.
    ['application-error', 0],
  ])('is ejected for results %s: %d', (result, ejections) => {
    const scene = setUp();
    scene.balancer.update([instance('a'), instance('b')]);
    runAt(scene, 'a', 10, result);
    expect(scene.events).toHaveLength(ejections);
  });

  test('is the only one ejected of three, and none is of one', () => {
    const scene = setUp();
    scene.balancer.update([instance('a'), instance('b'), instance('c')]);
    for (const id of ['a', 'b', 'c']) runAt(scene, id, 10, 'broken');
    expect(scene.balancer.loads().filter(({ ejectedForMs }) => ejectedForMs > 0)).toHaveLength(1);
    scene.balancer.update([instance('a')]);
    expect(scene.balancer.pick(NONE, true)?.instanceId).toBe('a');
  });
});

test('a live instance that is ejected returns as soon as the others prove to be gone', () => {
  const scene = setUp();
  scene.balancer.update([instance('live'), instance('gone')]);
  const outcomeOf = (id: string, isAvailable: boolean): AttemptResult =>
    id === 'gone' ? 'unreachable' : isAvailable ? 'answered' : 'unavailable';
  // The dependencies of the live one are away, and then return.
  for (const isAvailable of [false, true])
    for (let request = 0; request < 40; request++) {
      const attempt = scene.balancer.pick(NONE, true);
      scene.clock.ms += 100;
      attempt?.done(outcomeOf(attempt.instanceId, isAvailable), 5);
    }
  expect(scene.serve(100, () => 5)).toEqual({ live: 100 });
});

describe('slow start', () => {
  const shareOfNew = (scene: ReturnType<typeof setUp>) => {
    // All at one moment with equal costs: an instance receives its share.
    const count = 4_000;
    let found = 0;
    for (let request = 0; request < count; request++) {
      const attempt = scene.balancer.pick(NONE, true);
      if (attempt?.instanceId === 'new') found++;
      attempt?.done('abandoned', 30);
    }
    return found / count;
  };

  test('a new instance starts with a tenth of its weight, and has all of it after ten seconds', () => {
    const scene = setUp();
    scene.balancer.update([instance('old')]);
    scene.clock.ms = 60_000;
    scene.balancer.update([instance('old'), instance('new')]);
    for (const load of scene.balancer.loads()) expect(load.costMs).toBeGreaterThan(0);
    // An old idle instance costs less than a new one; after one observation each they are equal.
    for (const other of ['new', 'old']) scene.balancer.pick(new Set([other]), true)?.done('answered', 30);
    expect(shareOfNew(scene)).toBeCloseTo(0.1 / 1.1, 1);
    scene.clock.ms += 5_000;
    expect(shareOfNew(scene)).toBeCloseTo(0.5 / 1.5, 1);
    scene.clock.ms += 5_000;
    expect(shareOfNew(scene)).toBeCloseTo(0.5, 1);
  });

  test('where all are new, all have their full weight', () => {
    const scene = setUp();
    scene.balancer.update([instance('one')]);
    scene.clock.ms = 3_000;
    scene.balancer.update([instance('one'), instance('new')]);
    for (const other of ['new', 'one']) scene.balancer.pick(new Set([other]), true)?.done('answered', 30);
    expect(scene.balancer.loads().map((load) => load.slowStartShare)).toEqual([1, 1]);
    expect(shareOfNew(scene)).toBeCloseTo(0.5, 1);
  });

  test('one that was unhealthy is in slow start as well', () => {
    const scene = setUp();
    scene.balancer.update([instance('old'), instance('new', { state: 'unhealthy' })]);
    scene.clock.ms = 60_000;
    scene.balancer.update([instance('old'), instance('new')]);
    expect(scene.balancer.loads().map((load) => load.slowStartShare)).toEqual([1, 0.1]);
  });
});

test('an instance that stops responding is avoided before its first request times out', () => {
  const { balancer, clock, serve } = setUp();
  balancer.update([instance('a'), instance('b'), instance('silent')]);
  serve(2_000, () => 5);
  let stuck = 0;
  for (let request = 0; request < 5_000; request++) {
    clock.ms += 1;
    const attempt = balancer.pick(NONE, true);
    if (attempt?.instanceId === 'silent') stuck++;
    else attempt?.done('answered', 5);
  }
  expect(stuck).toBeGreaterThan(0);
  expect(stuck).toBeLessThan(8);
});

const isExcluded = (load: InstanceLoad) => load.ejectedForMs > 0 || load.probing;

test('in-flight counts are exact, and only eligible instances are picked, in any sequence', () => {
  const ids = ['a', 'b', 'c', 'd'];
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('update' as const),
      live: fc.array(
        fc.record({
          id: fc.constantFrom(...ids),
          state: fc.constantFrom<InstanceState>('up', 'starting', 'draining', 'unhealthy'),
          weight: fc.constantFrom(0, 1, 100),
        }),
        { maxLength: 4 },
      ),
    }),
    fc.record({ kind: fc.constant('pick' as const), tried: fc.subarray(ids) }),
    fc.record({
      kind: fc.constant('done' as const),
      which: fc.nat(20),
      ok: fc.integer({ min: 0, max: 9 }).map((chance) => chance > 7),
      latencyMs: fc.nat(9_000),
    }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(60_000) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150 }), fc.nat(), (steps, seed) => {
      const { balancer, clock } = setUp(seed);
      let live: Instance[] = [];
      const attempts: { attempt: Attempt; isDone: boolean; backendOf: number }[] = [];
      // A removed id that returns is another backend: requests in flight on the old one do not count for it.
      const generations = new Map<string, number>();
      for (const now of steps) {
        if (now.kind === 'update') {
          const next = [...new Map(now.live.map((one) => [one.id, one])).values()];
          for (const { instance_id: id } of live)
            if (!next.some((one) => one.id === id)) generations.set(id, (generations.get(id) ?? 0) + 1);
          live = next.map(({ id, state, weight }) => instance(id, { state, weight }));
          balancer.update(live);
        } else if (now.kind === 'wait') clock.ms += now.ms;
        else if (now.kind === 'done') {
          const known = attempts[now.which];
          known?.attempt.done(now.ok ? 'answered' : 'broken', now.latencyMs);
          if (known) known.isDone = true;
        } else {
          const tried = new Set(now.tried);
          const ejected = new Set(
            balancer
              .loads()
              .filter(isExcluded)
              .map((load) => load.instance.instance_id),
          );
          const open = (state: InstanceState) =>
            live
              .filter((one) => one.state === state && one.weight > 0)
              .map((one) => one.instance_id)
              .filter((id) => !tried.has(id) && (state !== 'up' || !ejected.has(id)));
          const expected = open('up').length > 0 ? open('up') : open('unhealthy');
          const attempt = balancer.pick(tried, true);
          expect(attempt === null).toBe(expected.length === 0);
          if (attempt === null) continue;
          if (attempt.isProbe) expect(ejected).toContain(attempt.instanceId);
          else expect(expected).toContain(attempt.instanceId);
          attempts.push({ attempt, isDone: false, backendOf: generations.get(attempt.instanceId) ?? 0 });
        }
        for (const load of balancer.loads()) {
          const id = load.instance.instance_id;
          const running = attempts.filter(
            (one) =>
              !one.isDone && one.attempt.instanceId === id && one.backendOf === (generations.get(id) ?? 0),
          );
          expect(load.inFlight).toBe(running.length);
          expect(load.costMs).toBeGreaterThan(0);
        }
      }
    }),
    { numRuns: 500 },
  );
});
