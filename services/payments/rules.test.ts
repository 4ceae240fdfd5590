import { expect, test } from 'bun:test';
import fc from 'fast-check';
import {
  hasApplied,
  nextState,
  refundableAmount,
  refundedAmount,
  STATES,
  type State,
  TRANSITIONS,
  type Transition,
} from './rules';

const walk = fc.array(fc.constantFrom(...TRANSITIONS), { maxLength: 30 });

/** The states a payment goes through when transitions are tried in turn; those not allowed are skipped. */
function statesOf(transitions: readonly Transition[]): State[] {
  const states: State[] = ['pending'];
  for (const transition of transitions) {
    const next = nextState(states.at(-1) ?? 'pending', transition);
    if (next !== undefined) states.push(next);
  }
  return states;
}

test('no state repeats: a payment is charged at most once and refunded at most once', () => {
  fc.assert(
    fc.property(walk, (transitions) => {
      const states = statesOf(transitions);
      expect(new Set(states).size).toBe(states.length);
    }),
  );
});

test('final states allow no transition, except the refund of a succeeded payment', () => {
  for (const state of ['failed', 'canceled', 'refunded'] as const)
    expect(TRANSITIONS.map((transition) => nextState(state, transition))).toEqual(
      TRANSITIONS.map(() => undefined),
    );
  expect(TRANSITIONS.filter((transition) => nextState('succeeded', transition) !== undefined)).toEqual([
    'refund',
  ]);
});

test('a payment succeeds only after processing, and is refunded only after it succeeded', () => {
  fc.assert(
    fc.property(walk, (transitions) => {
      const states = statesOf(transitions);
      if (states.includes('refunded'))
        expect(states).toEqual(['pending', 'processing', 'succeeded', 'refunded']);
      if (states.includes('succeeded')) expect(states).toContain('processing');
      if (states.includes('canceled')) expect(states).toEqual(['pending', 'canceled']);
    }),
  );
});

test('hasApplied holds for exactly the transitions a payment has been through', () => {
  fc.assert(
    fc.property(walk, (transitions) => {
      let state: State = 'pending';
      const applied = new Set<Transition>();
      for (const transition of transitions) {
        const next = nextState(state, transition);
        if (next === undefined) continue;
        state = next;
        applied.add(transition);
      }
      expect(TRANSITIONS.filter((each) => hasApplied(state, each))).toEqual(
        TRANSITIONS.filter((each) => applied.has(each)),
      );
    }),
  );
});

test('every state is reachable', () => {
  const reached = new Set<State>();
  fc.assert(
    fc.property(walk, (transitions) => statesOf(transitions).forEach((state) => void reached.add(state))),
    {
      numRuns: 500,
    },
  );
  expect([...reached].sort()).toEqual([...STATES].sort());
});

test('refunds granted within what is left never exceed the payment, whatever becomes of them', () => {
  const amount = fc.bigInt({ min: 1n, max: 1_000n });
  const step = fc.record({ amount, state: fc.constantFrom('pending', 'succeeded', 'failed') });
  fc.assert(
    fc.property(amount, fc.array(step, { maxLength: 40 }), (whole, steps) => {
      const granted: typeof steps = [];
      for (const each of steps) {
        const left = refundableAmount({ amount: whole }, granted);
        if (each.amount <= left) granted.push(each);
        const open = granted.filter(({ state }) => state !== 'failed');
        const total = open.reduce((sum, refund) => sum + refund.amount, 0n);
        expect(total + refundableAmount({ amount: whole }, granted)).toBe(whole);
        expect(refundedAmount(granted)).toBeLessThanOrEqual(total);
      }
    }),
  );
});
