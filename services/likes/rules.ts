const HOUR_MS = 60 * 60_000;

/**
 * While likes of an author's posts keep arriving, the interval between digest mails doubles with every mail, up to this
 * many seconds. A pause of that length resets it.
 */
export const MAX_DIGEST_SECONDS = 60 * 60;
/** A digest job that is this much overdue counts as lost: the next like sends another one. */
export const LOST_JOB_SECONDS = 60 * 60;

/**
 * The rankings with a time window. A like has its full weight in the step it was given in, and less with every step until
 * it leaves the window: 24 steps for a day, 28 for a week.
 */
export const WINDOWS = [
  { name: 'day', steps: 24, stepMs: HOUR_MS },
  { name: 'week', steps: 28, stepMs: 6 * HOUR_MS },
] as const;

export type Ranking = 'all' | (typeof WINDOWS)[number]['name'];
