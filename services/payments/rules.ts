export const STATES = ['pending', 'processing', 'succeeded', 'failed', 'canceled', 'refunded'] as const;
export type State = (typeof STATES)[number];

export const STEPS = ['begin', 'succeed', 'fail', 'cancel', 'refund'] as const;
export type Step = (typeof STEPS)[number];

/** Every change a payment can go through; there is no other. */
const CHANGES: Readonly<Record<State, Partial<Readonly<Record<Step, State>>>>> = {
  pending: { begin: 'processing', cancel: 'canceled' },
  processing: { succeed: 'succeeded', fail: 'failed' },
  succeeded: { refund: 'refunded' },
  failed: {},
  canceled: {},
  refunded: {},
};

/** @returns undefined where the step cannot be taken */
export const nextState = (state: State, step: Step): State | undefined => CHANGES[state][step];

/** Whether a payment has been through the step: asked for again, it has nothing to do. */
export const hasTaken = (state: State, step: Step): boolean =>
  STATES.some((before) => {
    const after = nextState(before, step);
    return after !== undefined && (after === state || isReachable(after, state));
  });

const isReachable = (from: State, to: State): boolean =>
  Object.values(CHANGES[from]).some((next) => next === to || isReachable(next, to));
