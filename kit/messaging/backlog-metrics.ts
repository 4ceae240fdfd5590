import { Gauge } from 'prom-client';
import { sharedMetric } from '../core/metrics';
import { type Runtime, withTimeout } from '../core/runtime';
import { singleFlight } from '../core/single-flight';

/** Messages of a queue or tube by state; `oldestReadySeconds` where the broker reports it. */
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

/**
 * Registers the backlog of a queue or tube, measured at the broker at scrape time. While the broker is unavailable, the
 * values of that source are omitted rather than stale.
 *
 * @param source queue or tube
 */
export function observeBacklog(runtime: Runtime, source: string, measure: () => Promise<Backlog>): void {
  const { measures } = sharedMetric(runtime.metrics, MESSAGES, () => createGauges(runtime));
  measures.set(source, measure);
}

const MESSAGES = 'queue_messages';

/** The gauge of messages, with the sources it measures. */
function createGauges(runtime: Runtime) {
  const measures: Measures = new Map();
  const registers = [runtime.metrics];
  const measureAll = singleFlight(() => Promise.all([...measures].map(measureOne)));

  async function measureOne([source, measure]: [string, () => Promise<Backlog>]) {
    try {
      return { source, backlog: await withTimeout(measure(), MEASURE_TIMEOUT_MS, `measuring ${source}`) };
    } catch (failure) {
      runtime.log.warn({ err: failure, source }, 'Measuring the backlog failed');
      return { source, backlog: undefined };
    }
  }

  const messages = new Gauge({
    name: MESSAGES,
    help: 'Messages at the broker, by state',
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
    help: 'Age of the oldest ready message',
    labelNames: ['source'] as const,
    registers,
    async collect() {
      const measured = await measureAll();
      this.reset();
      for (const { source, backlog } of measured)
        if (backlog?.oldestReadySeconds !== undefined) this.set({ source }, backlog.oldestReadySeconds);
    },
  });
  return Object.assign(messages, { measures });
}
