import { expect, test } from 'bun:test';
import { headerLine } from '../http1/field-lines';
import type { IncomingRequest } from '../http1/message';
import type { Attempt, AttemptHistory } from '../model/attempt';
import { createRequestContext } from '../proxy/request-context';
import { createRecentRequests, type TimedRequest } from './recent-requests';

const REQUEST: IncomingRequest = {
  head: {
    method: 'GET',
    target: '/birds/1?token=secret',
    httpVersion: '1.1',
    headers: [headerLine('Authorization', 'Bearer secret')],
  },
  framing: { kind: 'none' },
  host: 'rookery.test',
  keepAlive: true,
  expectsContinue: false,
  upgradesToWebSocket: false,
  connectionOptions: null,
};

const SOURCES = { isTrusted: () => false, spans: null, revision: () => 1 };

/** Each begins a millisecond after the previous one. */
let startedMs = 0;

const contextOf = (requestId: string, revision = 7): TimedRequest => ({
  request: REQUEST,
  requestId,
  startedMs: startedMs++,
  revision,
});

const SUCCEEDED = { route: '/birds/:id', service: 'birds', status: 200 };

test('requests with one id are returned newest first, each with its registry revision', () => {
  const recent = createRecentRequests({ ordinary: 10, troubled: 10 });
  recent.add(contextOf('the-same-id', 1), 5, SUCCEEDED);
  recent.add(contextOf('another-id', 2), 5, SUCCEEDED);
  recent.add(contextOf('the-same-id', 3), 5, { ...SUCCEEDED, status: 503, code: 'service.unavailable' });
  const { requests } = recent.explain('the-same-id');
  expect(requests.map((one) => [one.registry_revision, one.status])).toEqual([
    [3, 503],
    [1, 200],
  ]);
  expect(recent.explain('no-such-id').requests).toEqual([]);
});

test('the oldest are overwritten, and the retention is reported', () => {
  const recent = createRecentRequests({ ordinary: 100, troubled: 100 });
  const initial = recent.explain('').kept.ordinary;
  expect(initial).toEqual({ requests: 0, since: new Date(performance.timeOrigin).toISOString() });
  for (let request = 0; request < 250; request++) recent.add(contextOf(`request-${request}`), 0, SUCCEEDED);
  const retained = Array.from({ length: 250 }, (_, request) => recent.explain(`request-${request}`));
  expect(retained.findIndex(({ requests }) => requests.length > 0)).toBe(150);
  expect(retained.filter(({ requests }) => requests.length === 1)).toHaveLength(100);
  const kept = recent.explain('').kept.ordinary;
  expect(kept.requests).toBe(100);
  expect(kept.since).toBe(retained[150]?.requests[0]?.started_at ?? '');
});

test('regular requests do not overwrite retried, queued and failed ones', () => {
  const recent = createRecentRequests({ ordinary: 10, troubled: 10 });
  recent.add(contextOf('retried-one'), 1, { ...SUCCEEDED, tries: RETRIED });
  recent.add(contextOf('queued-one'), 1, { ...SUCCEEDED, queuedMs: 3 });
  recent.add(contextOf('failed-one'), 1, { ...SUCCEEDED, status: 502 });
  recent.add(contextOf('ordinary-one'), 1, SUCCEEDED);
  for (let request = 0; request < 1_000; request++) recent.add(contextOf('another'), 1, SUCCEEDED);
  const explained = (id: string) => recent.explain(id).requests;
  expect(explained('ordinary-one')).toEqual([]);
  expect(explained('failed-one')).toMatchObject([{ status: 502, tries: [] }]);
  expect(explained('queued-one')).toMatchObject([{ queued_ms: 3 }]);
  expect(explained('retried-one')).toMatchObject([
    {
      tries: [
        { kind: 'first', instance_id: 'birds-1', outcome: 'unavailable', status: 503, held_back: [] },
        {
          kind: 'retry',
          instance_id: 'birds-2',
          outcome: 'answered',
          status: 200,
          retry_budget: { in_use: 1, allowed: 3 },
          held_back: [
            { instance_id: 'birds-1', reason: 'already-tried' },
            {
              instance_id: 'birds-3',
              reason: 'ejected',
              until: new Date(performance.timeOrigin + 5_000).toISOString(),
            },
            { instance_id: 'birds-4', reason: 'slow-start', share: 0.25 },
          ],
        },
      ],
    },
  ]);
  expect(recent.explain('').kept).toMatchObject({ ordinary: { requests: 10 }, troubled: { requests: 3 } });
});

test('the requests returned for one id are bounded', () => {
  const recent = createRecentRequests({ ordinary: 1_000, troubled: 1 });
  for (let request = 0; request < 1_000; request++) recent.add(contextOf('always-the-same'), 0, SUCCEEDED);
  expect(recent.explain('always-the-same').requests).toHaveLength(100);
});

test('only the method of the request is exposed', () => {
  const recent = createRecentRequests({ ordinary: 1, troubled: 1 });
  recent.add(contextOf('some-request'), 0, SUCCEEDED);
  const json = JSON.stringify(recent.explain('some-request'));
  expect(json).toContain('"method":"GET"');
  expect(json).not.toMatch(/secret|rookery\.test|127\.0\.0\.1/);
});

test('the ring takes a few megabytes, however many requests are recorded', () => {
  const recent = createRecentRequests();
  const fill = (requests: number) => {
    for (let request = 0; request < requests; request++)
      recent.add(contextOf(`request-number-${request}`), 1, { ...SUCCEEDED, tries: triesOf() });
    return heapUsed();
  };
  const full = fill(10_000);
  const later = fill(200_000);
  expect(later - full).toBeLessThan(4 * 1024 * 1024);
});

test("a client's request id does not retain the head it was sent in", () => {
  const recent = createRecentRequests({ ordinary: 2_000, troubled: 1 });
  const before = heapUsed();
  for (let request = 0; request < 2_000; request++) {
    const head = `client-chosen-id-${String(request).padStart(8, '0')}${'x'.repeat(16_000)}`;
    const id = Buffer.from(head).toString('latin1').slice(0, 25);
    const headers = [['X-Request-ID', id, `X-Request-ID: ${id}\r\n`]] as const;
    const incoming = { ...REQUEST, head: { ...REQUEST.head, headers } };
    const peer = { address: '127.0.0.1', secure: false, trusted: false, cachedOrigin: null };
    recent.add(createRequestContext(incoming, peer, SOURCES), 1, SUCCEEDED);
  }
  expect(recent.explain('client-chosen-id-00001999').requests).toHaveLength(1);
  expect(heapUsed() - before).toBeLessThan(16 * 1024 * 1024);
});

function heapUsed(): number {
  Bun.gc(true);
  return process.memoryUsage().heapUsed;
}

const attemptAt = (instanceId: string, changes: Partial<Attempt> = {}): Attempt => ({
  instanceId,
  host: '127.0.0.1',
  port: 1,
  tlsName: null,
  candidates: [{ instanceId, score: 1 }],
  excluded: [],
  isProbe: false,
  startedMs: 0,
  result: 'answered',
  failure: null,
  latencyMs: 1,
  answered: () => undefined,
  done: () => undefined,
  detach: () => undefined,
  ...changes,
});

const SENT_ONCE = { records: null, retries: 0, notRetried: null };
const triesOf = (): AttemptHistory => ({ ...SENT_ONCE, attempt: attemptAt('birds-1') });

const FAILED_FIRST = attemptAt('birds-1', { result: 'unavailable' });
const SUCCEEDED_THEN = attemptAt('birds-2', {
  excluded: [
    { instanceId: 'birds-3', reason: 'ejected', untilMs: 5_000 },
    { instanceId: 'birds-4', reason: 'slow-start', share: 0.25 },
  ],
});
const RETRIED: AttemptHistory = {
  attempt: SUCCEEDED_THEN,
  records: [
    { kind: 'first', attempt: FAILED_FIRST, status: 503, budget: null },
    { kind: 'retry', attempt: SUCCEEDED_THEN, status: 0, budget: { inUse: 1, allowed: 3 } },
  ],
  retries: 1,
  notRetried: null,
};
