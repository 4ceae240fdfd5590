import { afterAll, beforeAll, expect, test } from 'bun:test';
import { SignJWT } from 'jose';
import { ACCESS_TOKEN_TYPE } from '#kit/auth/tokens';
import { uuidv7 } from '#kit/core/ids';
import { request } from './support/client';
import { eventually } from './support/eventually';
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from './support/otlp-receiver';
import { type StartedProcess, startProcess } from './support/processes';
import { testDatabase } from './support/servers';

/** One request is one trace across processes and brokers, and requests do not depend on the collector. */

const JWT_SECRET = 'a-secret-of-this-test-only-0123456789';
const SERVER = 2;
const CLIENT = 3;
const PRODUCER = 4;
const CONSUMER = 5;

const processes: StartedProcess[] = [];
const databases: Awaited<ReturnType<typeof testDatabase>>[] = [];
let receiver: OtlpReceiver;
let gateway: StartedProcess;
let token: string;

beforeAll(async () => {
  receiver = startOtlpReceiver();
  databases.push(await testDatabase(), await testDatabase());
  const traced = { JWT_ALG: 'HS256', JWT_SECRET, OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url };
  const start = async (main: string, environment: Record<string, string>) => {
    const started = await startProcess(main, { ...traced, ...environment });
    processes.push(started);
    return started;
  };
  const { url: REGISTRY_URL } = await start('registry/main.ts', {});
  [gateway] = await Promise.all([
    start('gateway/main.ts', { REGISTRY_URL }),
    // Timelines accepts tokens only after it has read the revoked ones from auth.
    start('services/auth/main.ts', { REGISTRY_URL, AUTH_DATABASE_URL: databases[0]?.url ?? '' }),
    start('services/timelines/main.ts', { REGISTRY_URL, TIMELINES_DATABASE_URL: databases[1]?.url ?? '' }),
    start('workers/posts/main.ts', { REGISTRY_URL }),
  ]);
  token = await accessToken();
}, 60_000);

afterAll(async () => {
  await Promise.all(processes.toReversed().map((process) => process.stop()));
  await Promise.all(databases.map(({ drop }) => drop()));
  await receiver.stop();
}, 60_000);

test('an accepted post is one trace from the gateway through its job to the database', async () => {
  await eventually(() => post('the first', '').then(({ status }) => expect(status).toBe(202)));
  const traceId = uuidv7().replaceAll('-', '');
  const accepted = await post('a traced post', `00-${traceId}-b7ad6b7169203331-01`);
  expect(accepted.status).toBe(202);
  const spansOf = () => receiver.spans.filter((span) => span.traceId === traceId);
  // Each process exports its own spans, and a caller its span at the end of the call.
  await eventually(() =>
    expect(
      chainTo('insert posts', spansOf()).map(({ service, kind, name }) => [service, kind, name]),
    ).toEqual([
      ['gateway', SERVER, 'POST /posts/async'],
      ['timelines', SERVER, 'POST /posts/async'],
      ['timelines', PRODUCER, 'publish posts'],
      ['posts', CONSUMER, 'process posts'],
      ['posts', CLIENT, 'timelines.v1.TimelinesService/CreateAcceptedPost'],
      ['timelines', SERVER, 'timelines.v1.TimelinesService/CreateAcceptedPost'],
      ['timelines', CLIENT, 'insert posts'],
    ]),
  );
  const trace = spansOf();
  const [first] = chainTo('insert posts', trace);
  expect(first?.parentSpanId).toBe('b7ad6b7169203331');
  const ids = new Set(trace.map(({ spanId }) => spanId));
  expect(ids.size).toBe(trace.length);
  // Every other span has a parent in the trace.
  expect(trace.filter((span) => span !== first && !ids.has(span.parentSpanId ?? ''))).toEqual([]);
}, 60_000);

test('spans contain statements with placeholders and no values of requests', async () => {
  await request(gateway.url, 'GET', '/posts/search?q=secret-query');
  await eventually(() => expect(receiver.spans.map(({ name }) => name)).toContain('GET /posts/search'));
  const text = JSON.stringify(receiver.spans);
  expect(text).toContain('insert into `posts` (`id`');
  expect(text).toContain('?');
  for (const secret of ['a traced post', 'the first', token, JWT_SECRET, 'secret-query'])
    expect(text).not.toContain(secret);
});

test('the gateway starts a trace for requests without one, and probes and heartbeats are not traced', async () => {
  for (const path of ['/health', '/metrics']) await request(gateway.url, 'GET', path);
  await request(gateway.url, 'GET', '/posts/nobody');
  const root = await eventually(() =>
    receiver.spans.find(({ service, name }) => service === 'gateway' && name === 'GET /posts/:username'),
  );
  expect(root?.parentSpanId).toBeUndefined();
  expect(receiver.spans.filter(({ name }) => /health|readyz|metrics|heartbeat|register/.test(name))).toEqual(
    [],
  );
});

test('a request transcoded to gRPC is one trace', async () => {
  const method = 'auth.v1.AuthService/Login';
  const body = { username: 'nobody', password: 'nothing-of-use' };
  await request(gateway.url, 'POST', '/auth/login', { body });
  await eventually(() =>
    expect(
      chainTo(
        method,
        receiver.spans.filter(({ service }) => service === 'auth' || service === 'gateway').toReversed(),
      ).map(({ service, kind, name, status }) => [service, kind, name, status]),
    ).toEqual([
      ['gateway', SERVER, 'POST /auth/login', 0],
      ['gateway', CLIENT, method, 2],
      ['auth', SERVER, method, 0],
    ]),
  );
});

test('requests succeed while the collector is unavailable', async () => {
  await receiver.stop();
  for (let number = 0; number < 20; number++) expect((await post(`untraced ${number}`, '')).status).toBe(202);
});

/** The spans from the root of the trace to the span of this name. */
function chainTo(name: string, trace: readonly ReceivedSpan[]): ReceivedSpan[] {
  const chain: ReceivedSpan[] = [];
  let span = trace.find((one) => one.name === name);
  while (span !== undefined) {
    chain.unshift(span);
    const parent = span.parentSpanId;
    span = trace.find(({ spanId }) => spanId === parent);
  }
  return chain;
}

const post = (text: string, traceparent: string) =>
  request(gateway.url, 'POST', '/posts/async', {
    token,
    body: { text },
    headers: { 'idempotency-key': uuidv7(), ...(traceparent !== '' && { traceparent }) },
  });

const accessToken = () =>
  new SignJWT({ username: 'tracer', sid: uuidv7(), roles: ['user'], permissions: [] })
    .setProtectedHeader({ alg: 'HS256', typ: ACCESS_TOKEN_TYPE })
    .setSubject(uuidv7())
    .setJti(uuidv7())
    .setIssuer('http://127.0.0.1:8080')
    .setAudience('rookery')
    .setIssuedAt()
    .setExpirationTime('10m')
    .sign(new TextEncoder().encode(JWT_SECRET));
