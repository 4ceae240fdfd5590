/** Linear from the minimum to the full weight (Envoy's slow start with an aggression of 1). */
const WINDOW_MS = 10_000;
/** Envoy's default for `min_weight_percent`. */
const MIN_SHARE = 0.1;
/** Interval of updates while an instance is in slow start. */
export const SLOW_START_STEP_MS = 250;

/** Share of its weight of an instance that has been up for `upForMs`, from 0.1 to 1. */
export const slowStartShare = (upForMs: number): number =>
  upForMs >= WINDOW_MS ? 1 : Math.max(MIN_SHARE, upForMs / WINDOW_MS);
