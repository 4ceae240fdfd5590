/** `waiting`: for the payer, who has to confirm it, or for their bank. */
export type ChargeOutcome = 'succeeded' | 'declined' | 'refunded' | 'canceled' | 'waiting';
/** `pending`: accepted, and the bank may still refuse it. `failed`: the money has not left. */
export type RefundOutcome = 'succeeded' | 'pending' | 'failed';

export interface Charge {
  /** Idempotency key: the payment's id. */
  readonly key: string;
  /** `automatic`: the payer chooses one when they confirm. */
  readonly paymentMethod: string;
  readonly amount: string;
  /** ISO 4217. */
  readonly currency: string;
}

/** A charge with the provider's name for it, once that is recorded. */
export interface RecordedCharge extends Charge {
  readonly reference: string | undefined;
}

export interface OpenedCharge {
  readonly reference: string;
  /** With it the payer's app confirms the charge. A secret. */
  readonly clientSecret?: string;
}

export interface Refund {
  readonly charge: Pick<RecordedCharge, 'key' | 'reference' | 'currency'>;
  /** Idempotency key. */
  readonly key: string;
  readonly amount: string;
}

/**
 * The port to a payment provider; each provider is an implementation. All of them throw when the outcome is unknown: the
 * call is then repeated, with the same key.
 */
export interface Provider {
  /** Recorded with a payment: another provider knows nothing of its charge. */
  readonly name: string;
  /**
   * Announces a charge, without charging. Its reference is recorded before anything is charged, so that whatever happens
   * afterwards, the charge is found again.
   *
   * @returns a code when the provider will never charge this
   */
  open(charge: Charge): Promise<OpenedCharge | { readonly rejection: string }>;
  /** Charges once, or finds out what has become of it. */
  charge(charge: Charge & OpenedCharge): Promise<ChargeOutcome>;
  /** The outcome of a charge; undefined when nothing was charged. */
  find(charge: RecordedCharge): Promise<ChargeOutcome | undefined>;
  /** Ends a charge that is waiting. @returns what has become of it: it may have succeeded meanwhile, or still be waiting */
  cancel(charge: RecordedCharge): Promise<ChargeOutcome>;
  /** Refunds an amount of a charge, once per key. */
  refund(refund: Refund): Promise<RefundOutcome>;
}
