import type { Generator } from './generator/client';
import type { Load, LoadResult } from './generator/plan';
import { type ProcessorTimes, readProcessorTimes, usedBetween } from './processor-time';
import type { Row } from './result-types';
import { rounded } from './results';
import type { RunningSystem } from './system';

const NEGLIGIBLE_MS = 0.005;
/** Processes on the console. */
const SHOWN = 8;

export interface Measurement extends LoadResult {
  readonly requestsPerSecond: number;
  /** CPU time per request in milliseconds of each process that took part, the busiest first. */
  readonly processorMs: readonly (readonly [name: string, ms: number])[];
  /** The sum of these: of the whole system, without the generator. */
  readonly processorMsPerRequest: number;
  /** CPU time that neither the system nor the generator used, in cores: a measurement beside other work is worth little. */
  readonly foreignCores: number;
}

/** Generates a load and measures the CPU time of every process from the end of its warm-up. */
export async function measure(system: RunningSystem, generator: Generator, load: Load): Promise<Measurement> {
  const processes = system.processes();
  let before: ProcessorTimes | undefined;
  let warmAtMs = 0;
  const result = await generator.run(load, () => {
    before = readProcessorTimes(processes);
    warmAtMs = performance.now();
  });
  const elapsedMs = performance.now() - warmAtMs;
  const used = usedBetween(before ?? readProcessorTimes(processes), readProcessorTimes(processes));
  const requests = result.responses + Object.values(result.failures).reduce((sum, count) => sum + count, 0);
  const perRequest = [...used.ofProcesses].map(([name, ms]) => [name, ms / requests] as const);
  const ownMs = [...used.ofProcesses.values()].reduce((sum, ms) => sum + ms, 0);
  return {
    ...result,
    requestsPerSecond: result.responses / result.seconds,
    processorMs: perRequest.toSorted(([, one], [, other]) => other - one),
    processorMsPerRequest: ownMs / requests,
    foreignCores: Math.max(0, used.ofMachine - ownMs - result.generatorMs) / elapsedMs,
  };
}

/** Shows a measurement. Failed requests make the benchmark fail. */
export function show(what: string, measured: Measurement): void {
  const { requestsPerSecond, latency, processorMsPerRequest, failures, foreignCores, lateMs } = measured;
  const late = Number.isNaN(lateMs.p99)
    ? ''
    : `; the generator was late by ${lateMs.p99.toFixed(1)} ms (p99)`;
  console.log(
    [
      `${what}: ${Math.round(requestsPerSecond)}/s`,
      `p50 ${latency.p50.toFixed(1)} ms, p99 ${latency.p99.toFixed(1)} ms, max ${latency.max.toFixed(0)} ms`,
      `CPU ${processorMsPerRequest.toFixed(3)} ms per request: ${describeProcessors(measured)}`,
      `other programs used ${foreignCores.toFixed(2)} cores${late}`,
      ...Object.entries(failures).map(([why, count]) => `FAILED ${count} × ${why}`),
    ].join('\n  '),
  );
  if (Object.keys(failures).length > 0) process.exitCode = 1;
}

/** The figures of a measurement in a table. */
export function rowOf(name: string, measured: Measurement): Row {
  const { requestsPerSecond, latency, processorMsPerRequest } = measured;
  return {
    name,
    figures: {
      'requests/s': Math.round(requestsPerSecond),
      'p50 ms': rounded(latency.p50),
      'p99 ms': rounded(latency.p99),
      'CPU ms/request': rounded(processorMsPerRequest, 3),
    },
    processors: Object.fromEntries(
      measured.processorMs
        .filter(([, ms]) => ms >= NEGLIGIBLE_MS)
        .map(([process, ms]) => [process, rounded(ms, 3)]),
    ),
  };
}

/** The processes that use most, such as `timelines 1.03, mariadb 0.60`. */
const describeProcessors = ({ processorMs }: Measurement): string =>
  processorMs
    .filter(([, ms], index) => index < SHOWN && ms >= NEGLIGIBLE_MS)
    .map(([name, ms]) => `${name} ${ms.toFixed(2)}`)
    .join(', ');
