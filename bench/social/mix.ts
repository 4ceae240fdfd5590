import { highestRate } from '../support/bisection';
import type { Generator } from '../support/generator/client';
import { type Measurement, measure } from '../support/measurement';
import type { RunningSystem } from '../support/system';

/** Of a social network: what its people do (DeathStarBench, Gan et al., 2019: the mix of its social network). */
const MIX = { 'any-home': 60, 'user-timeline': 30, compose: 10 };
const WARM_UP = { seconds: 10, connections: 8 };
const STEP_WARM_UP_SECONDS = 2;
const TARGETS_MS = [20, 50];
/** For both targets together. */
const MAX_SEARCH_MS = 200_000;
const WITHIN = 0.06;

type Report = (what: string, measured: Measurement) => void;

/** Finds the highest rates of the mix for each latency target, and measures each once more for longer. */
export async function findHighestRates(
  system: RunningSystem,
  generator: Generator,
  { seconds, report }: { seconds: number; report: Report },
): Promise<{ targetMs: number; measured: Measurement }[]> {
  const ceiling = await measure(system, generator, {
    mix: MIX,
    warmUpSeconds: WARM_UP.seconds,
    seconds: Math.min(seconds, 5),
    shape: { kind: 'closed', connections: WARM_UP.connections },
  });
  report('mix, closed loop, 8 connections', ceiling);
  const attempt = (requestsPerSecond: number, duration: number) =>
    measure(system, generator, {
      mix: MIX,
      warmUpSeconds: STEP_WARM_UP_SECONDS,
      seconds: duration,
      shape: { kind: 'open', requestsPerSecond },
    });
  const found = [];
  let guess = ceiling.requestsPerSecond * 0.6;
  for (const [index, targetMs] of TARGETS_MS.entries()) {
    const deadline = performance.now() + MAX_SEARCH_MS / TARGETS_MS.length;
    const canContinue = () => performance.now() < deadline;
    const holds = async (rate: number) => {
      const measured = await attempt(rate, seconds);
      const isHeld = keeps(measured, targetMs);
      console.log(
        `  ${Math.round(rate)}/s: p99 ${measured.latency.p99.toFixed(1)} ms, ${isHeld ? 'holds' : 'does not hold'} ${targetMs} ms`,
      );
      return isHeld;
    };
    const rate = await highestRate({ guess, within: WITHIN, canContinue }, holds);
    if (rate === 0) {
      console.log(`mix, open loop: no rate holds with a p99 below ${targetMs} ms`);
      continue;
    }
    const measured = await attempt(rate, seconds * 2);
    report(`mix, open loop, p99 < ${targetMs} ms`, measured);
    found.push({ targetMs, measured });
    // A rate that holds the stricter target holds the next one.
    if (index === 0) guess = rate * 1.3;
  }
  return found;
}

function keeps({ latency, failures, isOverloaded }: Measurement, targetMs: number): boolean {
  return !isOverloaded && Object.keys(failures).length === 0 && latency.p99 < targetMs;
}
