import { Gauge } from 'prom-client';
import { type Runtime, withTimeout } from '../core/runtime';
import { singleFlight } from '../core/single-flight';

/** Messages of a queue or tube by state; `oldestReadySeconds` where the broker tells. */
export interface Backlog {
  readonly ready: number;
  readonly delayed?: number;
  readonly reserved?: number;
  readonly buried?: number;
  readonly parked: number;
  readonly oldestReadySeconds?: number;
}

const STATES = ['ready', 'delayed', 'reserved', 'buried', 'parked'] as const;
const MEASURE_TIMEOUT_MS = 2_000;

type Measures = Map<string, () => Promise<Backlog>>;
const measuresOfRuntimes = new WeakMap<Runtime, Measures>();

/**
 * Asks a broker how much is waiting whenever metrics are asked for. When it does not answer, the values of that
 * source are left out rather than shown as they once were.
 *
 * @param source queue or tube
 */
export function observeBacklog(runtime: Runtime, source: string, measure: () => Promise<Backlog>): void {
  const measures = measuresOfRuntimes.get(runtime) ?? createGauges(runtime);
  measures.set(source, measure);
}

function createGauges(runtime: Runtime): Measures {
  const measures: Measures = new Map();
  measuresOfRuntimes.set(runtime, measures);
  const registers = [runtime.metrics];
  const measureAll = singleFlight(() => Promise.all([...measures].map(measureOne)));

  async function measureOne([source, measure]: [string, () => Promise<Backlog>]) {
    try {
      return { source, backlog: await withTimeout(measure(), MEASURE_TIMEOUT_MS, `measuring ${source}`) };
    } catch (failure) {
      runtime.log.warn({ err: failure, source }, 'the backlog could not be measured');
      return { source, backlog: undefined };
    }
  }

  new Gauge({
    name: 'queue_messages',
    help: 'Messages waiting at the broker, by state',
    labelNames: ['source', 'state'] as const,
    registers,
    async collect() {
      const measured = await measureAll();
      this.reset();
      for (const { source, backlog } of measured)
        for (const state of STATES)
          if (backlog?.[state] !== undefined) this.set({ source, state }, backlog[state]);
    },
  });
  new Gauge({
    name: 'queue_oldest_ready_seconds',
    help: 'How long the next ready message has existed',
    labelNames: ['source'] as const,
    registers,
    async collect() {
      const measured = await measureAll();
      this.reset();
      for (const { source, backlog } of measured)
        if (backlog?.oldestReadySeconds !== undefined) this.set({ source }, backlog.oldestReadySeconds);
    },
  });
  return measures;
}
