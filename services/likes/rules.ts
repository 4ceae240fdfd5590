const HOUR_MS = 60 * 60_000;

/**
 * While likes of somebody's posts keep coming they are told of ever more rarely: after each mail twice as many seconds
 * as before, at most these. A pause of that length brings the short time back.
 */
export const LONGEST_DIGEST_SECONDS = 60 * 60;
/** Should the job that writes to an author be lost, a like after so much more than its time brings another. */
export const LOST_JOB_SECONDS = 60 * 60;

/**
 * The rankings that forget. A like counts full in the step it was given in, and ever less until it drops out at the end
 * of the window: twenty-four steps for a day, twenty-eight for a week.
 */
export const WINDOWS = [
  { name: 'day', steps: 24, stepMs: HOUR_MS },
  { name: 'week', steps: 28, stepMs: 6 * HOUR_MS },
] as const;

export type Ranking = 'all' | (typeof WINDOWS)[number]['name'];
