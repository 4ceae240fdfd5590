const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** How much was counted under a key, as of the last count. It leaks: one after another is forgotten in time. */
export interface Count {
  readonly amount: number;
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

/** A limit of what is counted under a key. */
export interface Rule {
  /** In metrics. */
  readonly name: string;
  /** The time in which one is forgotten. Milliseconds. */
  readonly leakMs: number;
  /** More than this is not counted. */
  readonly most: number;
  /** Milliseconds from the last count until the next attempt is admitted, by the amount at that time. */
  holdMs(amount: number): number;
}

/** One more, after what has leaked since the last count. */
export function counted(count: Count | undefined, rule: Rule, nowMs: number): Count {
  const left = count === undefined ? 0 : Math.max(0, count.amount - elapsedMs(count, nowMs) / rule.leakMs);
  return { amount: Math.min(rule.most, left + 1), atMs: nowMs };
}

/** Milliseconds until the next attempt is admitted; 0 when one is now. Never more than `holdMs` of the rule's `most`. */
export const waitMs = (count: Count | undefined, rule: Rule, nowMs: number): number =>
  count === undefined ? 0 : Math.max(0, rule.holdMs(count.amount) - elapsedMs(count, nowMs));

/** When everything counted has been forgotten: an older count need not be kept. */
export const lifetimeMs = (count: Count, rule: Rule): number => Math.ceil(count.amount * rule.leakMs);

/** The clocks of two instances differ a little. */
const elapsedMs = ({ atMs }: Count, nowMs: number): number => Math.max(0, nowMs - atMs);

/** Failures without a delay, because people mistype. */
const FREE_FAILURES = 4;
const MAX_DELAY_MS = 15 * MINUTE_MS;

/**
 * Failures in a row, of one account from one network, device or session: 4 are free, the fifth costs a second, and each
 * further one twice the time, up to 15 minutes. One is forgotten each hour.
 */
export const inARow = (name: string): Rule => ({
  name,
  leakMs: HOUR_MS,
  most: 24,
  holdMs: (amount) =>
    amount <= FREE_FAILURES
      ? 0
      : Math.min(MAX_DELAY_MS, 2 ** (Math.ceil(amount) - FREE_FAILURES - 1) * SECOND_MS),
});

/** `burst` at once, and another one each `leakMs`. */
export const budget = (name: string, burst: number, leakMs: number): Rule => ({
  name,
  leakMs,
  most: burst,
  holdMs: (amount) => Math.max(0, (amount - burst + 1) * leakMs),
});

/** Failures from one network, whatever the account: five minutes restore all of them. */
export const perNetwork = (failures: number): Rule => budget('network', failures, (5 * MINUTE_MS) / failures);

/**
 * Failures at one account from all networks together but those that its owner uses: 100 at once (NIST SP 800-63B-4,
 * section 3.2.2: no more than 100), and then 288 a day. One network cannot use them up: `inARow` admits 96 a day.
 */
export const PER_ACCOUNT = budget('account', 100, 5 * MINUTE_MS);

/** Reset requests from one network, whatever the account. */
export const RESETS_PER_NETWORK = budget('reset-network', 30, 30 * SECOND_MS);
/** Mails to one account that one network causes: enough to find one, too few to flood a mailbox. */
export const MAILS_PER_REQUESTER = budget('reset-requester', 3, 3 * HOUR_MS);
/**
 * Mails to one account that all strangers together cause. A mail that is not sent is not missed: the previous one is at most
 * 25 minutes old, and its link is good for 30.
 */
export const MAILS_PER_ACCOUNT = budget('reset-account', 6, 25 * MINUTE_MS);
/** Mails to one account that one of its devices causes. */
export const MAILS_PER_DEVICE = budget('reset-device', 3, HOUR_MS);

/** Answers to one pending sign-in, which lasts five minutes. */
export const ANSWERS_PER_SIGN_IN = budget('pending-sign-in', 5, 5 * MINUTE_MS);
/**
 * Codes of one person's authenticator app from one network or device: ten at once, and then one an hour. Of a million codes
 * three are good at a time, so that whoever knows the password needs 26 years for an even chance. Right ones are forgotten.
 */
export const CODES_PER_NETWORK = budget('code-network', 10, HOUR_MS);
export const CODES_PER_DEVICE = budget('code-device', 10, HOUR_MS);
/** Codes for one person from all networks together but those that the person uses. */
export const CODES_PER_ACCOUNT = budget('code-account', 20, HOUR_MS);
/** Challenges of WebAuthn that one network takes, each a row for five minutes: more than a school needs in the morning. */
export const CHALLENGES_PER_NETWORK = budget('passkey-challenges', 300, SECOND_MS);
