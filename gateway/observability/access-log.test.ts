import { expect, test } from 'bun:test';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { createAccessLog } from './access-log';
import { createAccessMetrics } from './access-metrics';
import { createRecentRequests } from './recent-requests';

function accessLogTo(level = 'info') {
  const written: string[] = [];
  const log = pino({ name: 'gateway', level }, { write: (text: string) => void written.push(text) });
  return {
    accessLog: createAccessLog(log, new Registry(), createRecentRequests({ ordinary: 1, troubled: 1 })),
    written,
  };
}

test('lines are buffered, none is lost on close, and client input stays within one value', () => {
  const { accessLog, written } = accessLogTo();
  accessLog.malformed('::1', 400, 'a"\n\\b\u2028é😀');
  accessLog.malformed('::1', 400, 'request.malformed');
  expect(written).toEqual([]);
  accessLog.close();
  expect(written).toHaveLength(1);
  const lines = written.join('').trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    expect.objectContaining({ level: 'info', name: 'gateway', client: '::1', code: 'a"\n\\b\u2028é😀' }),
    expect.objectContaining({ route: 'unreadable', status: 400, code: 'request.malformed' }),
  ]);
});

test('the buffer is bounded under load', () => {
  const { accessLog, written } = accessLogTo();
  for (let line = 0; line < 1_000; line++) accessLog.malformed('127.0.0.1', 400, 'request.malformed');
  expect(written.length).toBeGreaterThan(0);
  accessLog.close();
  expect(written.join('').trimEnd().split('\n')).toHaveLength(1_000);
});

test('requests are counted also when their log level is disabled', () => {
  const { accessLog, written } = accessLogTo('warn');
  accessLog.malformed('127.0.0.1', 400, 'request.malformed');
  accessLog.close();
  expect(written).toEqual([]);
});

test('durations are a histogram with cumulative buckets per route and status class', async () => {
  const registry = new Registry();
  const metrics = createAccessMetrics(registry, { requests: 0, connections: 0, tunnels: 0 });
  metrics.observe('/posts/:id', 200, 3);
  metrics.observe('/posts/:id', 204, 5);
  metrics.observe('/posts/:id', 200, 60_000);
  const text = await registry.metrics();
  const samples = (le: string) =>
    `gateway_request_duration_seconds_bucket{le="${le}",route="/posts/:id",status_class="2xx"}`;
  expect(text).toContain('# TYPE gateway_request_duration_seconds histogram');
  expect(text).toContain(`${samples('0.0025')} 0\n`);
  expect(text).toContain(`${samples('0.005')} 2\n`);
  expect(text).toContain(`${samples('30')} 2\n`);
  expect(text).toContain(`${samples('+Inf')} 3\n`);
  expect(text).toContain(
    'gateway_request_duration_seconds_sum{route="/posts/:id",status_class="2xx"} 60.008',
  );
  expect(text).toContain('gateway_request_duration_seconds_count{route="/posts/:id",status_class="2xx"} 3');
  expect(text).toContain('gateway_requests_total{route="/posts/:id",status_class="2xx"} 3');
});
