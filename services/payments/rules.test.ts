import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { hasTaken, nextState, STATES, STEPS, type State, type Step } from './rules';

const walk = fc.array(fc.constantFrom(...STEPS), { maxLength: 30 });

/** The states a payment goes through when steps are tried one after the other. */
function statesOf(steps: readonly Step[]): State[] {
  const states: State[] = ['pending'];
  for (const step of steps) {
    const next = nextState(states.at(-1) ?? 'pending', step);
    if (next !== undefined) states.push(next);
  }
  return states;
}

test('no state comes twice, whatever is tried: money is taken once and given back once', () => {
  fc.assert(
    fc.property(walk, (steps) => {
      const states = statesOf(steps);
      expect(new Set(states).size).toBe(states.length);
    }),
  );
});

test('what has ended stays so, but for what succeeded, which may be given back', () => {
  for (const state of ['failed', 'canceled', 'refunded'] as const)
    expect(STEPS.map((step) => nextState(state, step))).toEqual(STEPS.map(() => undefined));
  expect(STEPS.filter((step) => nextState('succeeded', step) !== undefined)).toEqual(['refund']);
});

test('a payment succeeds only after it was in work, and is given back only after it succeeded', () => {
  fc.assert(
    fc.property(walk, (steps) => {
      const states = statesOf(steps);
      if (states.includes('refunded'))
        expect(states).toEqual(['pending', 'processing', 'succeeded', 'refunded']);
      if (states.includes('succeeded')) expect(states).toContain('processing');
      if (states.includes('canceled')) expect(states).toEqual(['pending', 'canceled']);
    }),
  );
});

test('a payment has taken exactly the steps it took', () => {
  fc.assert(
    fc.property(walk, (steps) => {
      let state: State = 'pending';
      const taken = new Set<Step>();
      for (const step of steps) {
        const next = nextState(state, step);
        if (next === undefined) continue;
        state = next;
        taken.add(step);
      }
      expect(STEPS.filter((step) => hasTaken(state, step))).toEqual(STEPS.filter((step) => taken.has(step)));
    }),
  );
});

test('every state can be reached', () => {
  const reached = new Set<State>();
  fc.assert(
    fc.property(walk, (steps) => statesOf(steps).forEach((state) => void reached.add(state))),
    {
      numRuns: 500,
    },
  );
  expect([...reached].sort()).toEqual([...STATES].sort());
});
