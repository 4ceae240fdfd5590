import type { Generator } from './generator/client';
import type { Load, LoadResult } from './generator/plan';
import { type ProcessorTimes, readProcessorTimes, usedBetween } from './processor-time';
import type { RunningSystem } from './system';

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

/** The processes that use most, such as `timelines 1.03, mariadb 0.60`. */
export const describeProcessors = ({ processorMs }: Measurement): string =>
  processorMs
    .filter(([, ms], index) => index < 8 && ms >= 0.005)
    .map(([name, ms]) => `${name} ${ms.toFixed(2)}`)
    .join(', ');
