/** From the floor to the full share, in a straight line (Envoy's slow start with an aggression of 1). */
const WINDOW_MS = 10_000;
/** Envoy's default for `min_weight_percent`. */
const FLOOR = 0.1;
/** How often shares are reckoned anew while somebody starts. */
export const SLOW_START_STEP_MS = 250;

/** What an instance gets of its share when it has been up for so long, from 0.1 to 1. */
export const slowStartShare = (upForMs: number): number =>
  upForMs >= WINDOW_MS ? 1 : Math.max(FLOOR, upForMs / WINDOW_MS);
