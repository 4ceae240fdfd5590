const HOUR_MS = 60 * 60_000;

/**
 * The rankings that forget. A like counts full in the step it was given in, and ever less until it drops out at the end
 * of the window: twenty-four steps for a day, twenty-eight for a week.
 */
export const WINDOWS = [
  { name: 'day', steps: 24, stepMs: HOUR_MS },
  { name: 'week', steps: 28, stepMs: 6 * HOUR_MS },
] as const;

export type Ranking = 'all' | (typeof WINDOWS)[number]['name'];
