import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { createRetryBudget } from './retry-budget';

function createScene() {
  const requests = { active: 0, incoming: 0 };
  const budget = createRetryBudget(
    () => requests.active,
    () => requests.incoming,
  );
  const takeAll = () => {
    let taken = 0;
    while (budget.take(false)) taken++;
    return taken;
  };
  return { requests, budget, takeAll };
}

test('three requests may be retrying at any load, else a fifth of the active ones', () => {
  const { requests, budget, takeAll } = createScene();
  requests.active = 1;
  expect(takeAll()).toBe(3);
  budget.end();
  expect(takeAll()).toBe(1);
  requests.active = 45;
  expect(takeAll()).toBe(6);
  expect([budget.inUse(), budget.allowed()]).toEqual([9, 9]);
});

test('a request that is retrying may retry again, at the same cost', () => {
  const { budget } = createScene();
  expect(budget.take(false)).toBe(true);
  for (let retry = 2; retry <= 10; retry++) expect(budget.take(true)).toBe(true);
  expect(budget.take(true)).toBe(false);
  expect(budget.inUse()).toBe(1);
});

test('a retry that was not sent is refunded', () => {
  const { budget } = createScene();
  for (let time = 0; time < 100; time++) {
    expect(budget.take(false)).toBe(true);
    budget.refund(false);
  }
  expect(budget.inUse()).toBe(0);
});

test('tokens are capped: a healthy hour does not pay for a storm', () => {
  const { requests, budget } = createScene();
  requests.incoming = 1_000_000;
  requests.active = 1;
  expect(budget.take(false)).toBe(true);
  let more = 0;
  while (budget.take(true)) more++;
  expect(more).toBe(9);
});

test('in any period, retries are at most a fifth of the incoming requests plus ten', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('come' as const), count: fc.nat(50) }),
    fc.record({ kind: fc.constant('retry' as const), count: fc.nat(50) }),
    fc.record({ kind: fc.constant('end' as const), count: fc.nat(50) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const { requests, budget } = createScene();
      let sent = 0;
      for (const { kind, count } of steps) {
        if (kind === 'come') requests.incoming += count;
        else if (kind === 'retry') {
          requests.active = count;
          for (let time = 0; time < count; time++) if (budget.take(false)) sent++;
        } else for (let time = 0; time < count && budget.inUse() > 0; time++) budget.end();
        expect(sent).toBeLessThanOrEqual(requests.incoming * 0.2 + 10 + 1e-6);
      }
    }),
  );
});
