import { highestRate } from '../support/bisection';
import type { Generator } from '../support/generator/client';
import { type Measurement, measure, rowOf, show } from '../support/measurement';
import type { Row } from '../support/result-types';
import type { RunningSystem } from '../support/system';

/** What people do in a social network: they read. */
const MIX = { 'any-home': 60, 'user-timeline': 30, compose: 10 };
const WARM_UP_SECONDS = 10;
const STEP_WARM_UP_SECONDS = 2;
const TARGETS_MS = [20, 50];
/** For both targets together. */
const MAX_SEARCH_MS = 200_000;
const WITHIN = 0.06;
const CONFIRMATIONS = 3;
/** The first guess, as a share of what a closed loop reaches. */
const FIRST_GUESS = 0.6;

/**
 * Finds the highest rates of the mix for each latency target, and measures each once more for longer.
 *
 * @param seconds duration of each trial
 */
export async function findHighestRates(
  system: RunningSystem,
  generator: Generator,
  seconds: number,
): Promise<Row[]> {
  const ceiling = await measure(system, generator, {
    mix: MIX,
    warmUpSeconds: WARM_UP_SECONDS,
    seconds,
    shape: { kind: 'closed', connections: 8 },
  });
  show('mix, closed loop, 8 connections', ceiling);
  const rows = [rowOf('mix, closed loop, 8 connections', ceiling)];
  const attempt = (requestsPerSecond: number, duration: number) =>
    measure(system, generator, {
      mix: MIX,
      warmUpSeconds: STEP_WARM_UP_SECONDS,
      seconds: duration,
      shape: { kind: 'open', requestsPerSecond },
    });
  let guess = ceiling.requestsPerSecond * FIRST_GUESS;
  for (const targetMs of TARGETS_MS) {
    const deadline = performance.now() + MAX_SEARCH_MS / TARGETS_MS.length;
    const search = { guess, within: WITHIN, canContinue: () => performance.now() < deadline };
    const rate = await highestRate(search, async (candidate) => {
      const measured = await attempt(candidate, seconds);
      const isHeld = keeps(measured, targetMs);
      const [holds, p99] = [isHeld ? 'holds' : 'does not hold', measured.latency.p99.toFixed(1)];
      console.log(`  ${Math.round(candidate)}/s ${holds} p99 < ${targetMs} ms: ${p99} ms`);
      return isHeld;
    });
    const name = `mix, open loop, p99 < ${targetMs} ms`;
    if (rate === 0) {
      rows.push({ name, figures: { 'requests/s': 0 } });
      continue;
    }
    const confirmed = await confirm(rate, (candidate) => attempt(candidate, seconds * 2), targetMs);
    show(name, confirmed);
    rows.push(rowOf(name, confirmed));
    // It holds the next target as well.
    guess = rate;
  }
  return rows;
}

/** Measures a rate for longer, and slightly lower ones if that does not hold. */
async function confirm(
  rate: number,
  attempt: (rate: number) => Promise<Measurement>,
  targetMs: number,
): Promise<Measurement> {
  let measured = await attempt(rate);
  for (let left = CONFIRMATIONS - 1; left > 0 && !keeps(measured, targetMs); left--) {
    rate *= 1 - WITHIN;
    measured = await attempt(rate);
  }
  return measured;
}

const keeps = ({ latency, failures, isOverloaded }: Measurement, targetMs: number): boolean =>
  !isOverloaded && Object.keys(failures).length === 0 && latency.p99 < targetMs;
