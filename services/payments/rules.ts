export const STATES = ['pending', 'processing', 'succeeded', 'failed', 'canceled', 'refunded'] as const;
export type State = (typeof STATES)[number];

export const TRANSITIONS = ['begin', 'succeed', 'fail', 'cancel', 'refund'] as const;
export type Transition = (typeof TRANSITIONS)[number];

/** The payment state machine. A partial refund is no transition: a payment is `refunded` once it is fully refunded. */
const MACHINE: Readonly<Record<State, Partial<Readonly<Record<Transition, State>>>>> = {
  pending: { begin: 'processing', cancel: 'canceled' },
  processing: { succeed: 'succeeded', fail: 'failed' },
  succeeded: { refund: 'refunded' },
  failed: {},
  canceled: {},
  refunded: {},
};

/** @returns undefined when the state does not allow the transition */
export const nextState = (state: State, transition: Transition): State | undefined =>
  MACHINE[state][transition];

/** Whether a payment in this state has been through the transition, so that a repeat has no effect. */
export const hasApplied = (state: State, transition: Transition): boolean =>
  STATES.some((before) => {
    const after = nextState(before, transition);
    return after !== undefined && (after === state || isReachable(after, state));
  });

const isReachable = (from: State, to: State): boolean =>
  Object.values(MACHINE[from]).some((next) => next === to || isReachable(next, to));

interface RefundAmount {
  /** Minor units. */
  readonly amount: bigint;
  readonly state: 'pending' | 'succeeded' | 'failed';
}

/** The total of succeeded refunds. */
export const refundedAmount = (refunds: readonly RefundAmount[]): bigint =>
  sum(refunds.filter(({ state }) => state === 'succeeded'));

/** What is left of a payment to refund: less its succeeded and its pending refunds. */
export function refundableAmount(
  payment: { readonly amount: bigint },
  refunds: readonly RefundAmount[],
): bigint {
  const left = payment.amount - sum(refunds.filter(({ state }) => state !== 'failed'));
  return left > 0n ? left : 0n;
}

const sum = (refunds: readonly RefundAmount[]): bigint =>
  refunds.reduce((total, { amount }) => total + amount, 0n);
