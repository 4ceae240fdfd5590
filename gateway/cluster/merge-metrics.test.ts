import { expect, test } from 'bun:test';
import { Counter, Gauge, Registry } from 'prom-client';
import { createAccessMetrics } from '../observability/access-metrics';
import { createMergedMetrics } from './merge-metrics';

/** The metrics of one worker. */
function createWorker() {
  const registry = new Registry();
  const open = { requests: 2, connections: 0, tunnels: 0 };
  const access = createAccessMetrics(registry, open);
  new Gauge({ name: 'lag', help: 'Lag', aggregator: 'max', registers: [registry] }).set(open.requests);
  return { ...access, metrics: () => registry.getMetricsAsJSON() };
}

const reportsOf = async (...workers: ReturnType<typeof createWorker>[]) =>
  Promise.all(workers.map(async (one, worker) => ({ worker, report: { metrics: await one.metrics() } })));

const LABELS = '{route="/birds/:id",status_class="2xx"}';

test('counters, buckets and gauges are summed', async () => {
  const [first, second] = [createWorker(), createWorker()];
  first.observe('/birds/:id', 200, 3);
  second.observe('/birds/:id', 200, 4);
  second.observe('/birds/:id', 200, 3_000);
  second.observe('/birds/:id', 503, 1);
  const merged = createMergedMetrics();
  const text = await merged.text({ reports: await reportsOf(first, second), unresponsive: [] }, []);
  expect(text).toContain('# TYPE gateway_request_duration_seconds histogram');
  expect(text).toContain(`gateway_requests_total${LABELS} 3\n`);
  expect(text).toContain('gateway_requests_total{route="/birds/:id",status_class="5xx"} 1\n');
  expect(text).toContain(`gateway_request_duration_seconds_count${LABELS} 3\n`);
  expect(text).toContain(`gateway_request_duration_seconds_sum${LABELS} 3.007\n`);
  expect(bucketsOf(text)).toEqual([
    ...new Array(2).fill(0),
    ...new Array(9).fill(2),
    ...new Array(4).fill(3),
  ]);
  expect(text).toContain('gateway_requests_in_flight 4\n');
  expect(text).toContain('lag 2\n');
});

test('the counts of a worker stay in the sum while it is unresponsive and after it was replaced', async () => {
  const [first, second] = [createWorker(), createWorker()];
  first.observe('/birds/:id', 200, 1);
  second.observe('/birds/:id', 200, 1);
  const merged = createMergedMetrics();
  const [ofFirst] = await reportsOf(first, second);
  if (ofFirst === undefined) throw new Error('no report');
  const requests = async (reports: Parameters<typeof merged.text>[0]) => {
    const text = await merged.text(reports, []);
    expect(text).toContain(`gateway_request_duration_seconds_count${LABELS}`);
    return Number(/gateway_requests_total{.*} (\d+)\n/.exec(text)?.[1]);
  };
  expect(await requests({ reports: await reportsOf(first, second), unresponsive: [] })).toBe(2);
  expect(await requests({ reports: [ofFirst], unresponsive: [1] })).toBe(2);
  for (let time = 1; time <= 3; time++) {
    merged.ended(1);
    const fresh = createWorker();
    expect(await requests({ reports: await reportsOf(first, fresh), unresponsive: [] })).toBe(1 + time);
    fresh.observe('/birds/:id', 200, 1);
    expect(await requests({ reports: await reportsOf(first, fresh), unresponsive: [] })).toBe(2 + time);
  }
});

test("the supervisor's own metrics are included", async () => {
  const registry = new Registry();
  new Counter({ name: 'restarts', help: 'Restarts', registers: [registry] }).inc(3);
  const own = await registry.getMetricsAsJSON();
  const reports = await reportsOf(createWorker());
  expect(await createMergedMetrics().text({ reports, unresponsive: [] }, own)).toContain('restarts 3\n');
});

const bucketsOf = (text: string) =>
  [...text.matchAll(/_bucket\{.*status_class="2xx"\} (\d+)/g)].map(([, count]) => Number(count));
