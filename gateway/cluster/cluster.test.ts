import { afterAll, beforeAll, expect, test } from 'bun:test';
import { SignJWT } from 'jose';
import { ACCESS_TOKEN_TYPE } from '#kit/auth/tokens';
import { eventually } from '../../tests/support/eventually';
import { childrenOf, type StartedProcess, startProcess } from '../../tests/support/processes';
import { testDatabase } from '../../tests/support/servers';
import type { ExplainedRequest } from '../model/explanation';

const SECRET = 'a-secret-for-tests-of-several-workers';
const TOKENS = {
  JWT_ALG: 'HS256',
  JWT_SECRET: SECRET,
  JWT_ISSUER: 'http://issuer.test',
  JWT_AUDIENCE: 'rookery',
};

let registry: StartedProcess;
let gateway: StartedProcess;
let database: Awaited<ReturnType<typeof testDatabase>>;
let auth: StartedProcess;
let birds: StartedProcess;
let operator: string;

const startBirds = () =>
  startProcess('tests/support/named-service.ts', { ...TOKENS, SERVICE: 'birds', REGISTRY_URL: registry.url });

beforeAll(async () => {
  registry = await startProcess('registry/main.ts', {});
  gateway = await startProcess('gateway/main.ts', {
    ...TOKENS,
    REGISTRY_URL: registry.url,
    GATEWAY_WORKERS: '2',
  });
  database = await testDatabase();
  // Tokens are accepted once the revocations are loaded.
  auth = await startProcess('services/auth/main.ts', {
    ...TOKENS,
    REGISTRY_URL: registry.url,
    AUTH_DATABASE_URL: database.url,
  });
  birds = await startBirds();
  operator = await tokenOf(['gateway:read']);
  await eventually(async () => {
    // Each worker, through connections of its own.
    for (let time = 0; time < 10; time++) expect((await get('/birds/1')).status).toBe(200);
    for (let time = 0; time < 10; time++) expect((await getAsOperator('/routes')).status).toBe(200);
    expect(await metric('gateway_workers')).toBe(2);
  });
}, 60_000);

afterAll(async () => {
  await Promise.all([gateway?.stop(), auth?.stop(), birds?.stop()]);
  await registry?.stop();
  await database?.drop();
}, 60_000);

/** Longer than the workers' timeout for each other. */
const ANSWER_MS = 3_000;

/** Through a connection of its own, so that it may reach any worker. */
const get = (path: string, headers: Record<string, string> = {}) =>
  fetch(gateway.url + path, {
    headers: { ...headers, connection: 'close' },
    keepalive: false,
    signal: AbortSignal.timeout(ANSWER_MS),
  });

const getAsOperator = (path: string) => get(path, { authorization: operator });

/** The kernel also assigns connections to a stopped worker: of eight, one reaches another. */
const byAnyConnection = <Result>(request: () => Promise<Result>): Promise<Result> =>
  Promise.any(Array.from({ length: 8 }, request));

async function explained(requestId: string): Promise<ExplainedRequest> {
  const response = await getAsOperator(`/explain/${requestId}`);
  expect(response.status).toBe(200);
  return response.json();
}

async function metricsText(): Promise<string> {
  const response = await get('/metrics');
  expect(response.status).toBe(200);
  return response.text();
}

const metric = async (name: string, labels: readonly string[] = []) =>
  sumOf(await metricsText(), name, labels);

/** The sum of a metric's samples with all of these labels. */
function sumOf(text: string, name: string, labels: readonly string[] = []): number {
  const samples = text
    .split('\n')
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
  return samples
    .filter((line) => labels.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

const BIRDS = ['route="/birds/:id"'];
const birdsCounted = () => metric('gateway_requests_total', BIRDS);

/** Sends requests, each through a connection and with an id of its own. */
async function send(requests: number, name: string): Promise<string[]> {
  const ids = Array.from({ length: requests }, (_, number) => `${name}-number-${number}`);
  for (let start = 0; start < requests; start += 16) {
    const together = ids.slice(start, start + 16);
    const responses = await Promise.all(together.map((id) => get('/birds/1', { 'x-request-id': id })));
    expect(responses.map(({ status }) => status)).toEqual(together.map(() => 200));
  }
  return ids;
}

test('every worker reports the metrics and explanations of all workers', async () => {
  const before = await birdsCounted();
  const ids = await send(96, 'counted');
  expect((await birdsCounted()) - before).toBe(96);
  expect(await metric('gateway_request_duration_seconds_count', BIRDS)).toBe(before + 96);

  const workers = new Set<number>();
  for (const id of ids) {
    const { requests, silent_workers, kept } = await explained(id);
    expect(silent_workers).toEqual([]);
    expect(kept?.ordinary.requests).toBeGreaterThanOrEqual(96);
    expect(requests).toHaveLength(1);
    expect(requests[0]).toMatchObject({
      method: 'GET',
      route: '/birds/:id',
      service: 'birds',
      status: 200,
      tries: [{ kind: 'first', outcome: 'answered', status: 200, considered: [{}] }],
    });
    for (const { worker } of requests) workers.add(worker);
  }
  expect([...workers].sort()).toEqual([0, 1]);

  const again = await get('/birds/1', { 'x-request-id': ids[0] ?? '' });
  const revision = Number(again.headers.get('x-registry-revision'));
  const both = (await explained(ids[0] ?? '')).requests;
  expect(both).toHaveLength(2);
  expect(both[0]?.registry_revision).toBe(revision);
}, 60_000);

test('an unknown request id reports the retention', async () => {
  const response = await getAsOperator('/explain/never-was-such-a-request');
  expect(response.status).toBe(404);
  const problem = await response.json();
  expect(problem).toMatchObject({ code: 'explain.unknown-request' });
  expect(problem.detail).toMatch(/\d+ requests that ended since \d{4}-\d\d-\d\dT/);
  expect((await get('/explain/never-was-such-a-request')).status).toBe(401);
  const stranger = { authorization: await tokenOf([]) };
  expect((await get('/explain/never-was-such-a-request', stranger)).status).toBe(403);
});

test('a retry is explained: the candidates, the failed attempt, the successful one', async () => {
  const second = await startBirds();
  const instances = async () => {
    const { services } = await (await getAsOperator('/routes')).json();
    return services.birds.instances.length;
  };
  await eventually(async () => expect(await instances()).toBe(2));
  // The faster one is preferred, also until its loss is detected.
  await birds.kill();
  birds = second;
  const retried = await eventually(async () => {
    for (const id of await send(16, crypto.randomUUID())) {
      const [request] = (await explained(id)).requests;
      if (request !== undefined && request.tries.length > 1) return request;
    }
    throw new Error('No request was retried yet');
  });
  const [first, retry] = retried.tries;
  expect(retried).toMatchObject({ status: 200, service: 'birds' });
  expect(first).toMatchObject({ kind: 'first', outcome: 'unreachable' });
  expect(retry).toMatchObject({ kind: 'retry', outcome: 'answered', status: 200 });
  expect(retry?.instance_id).not.toBe(first?.instance_id);
  // A retry after an unreachable instance is not charged.
  expect(retry?.retry_budget).toBeUndefined();
}, 60_000);

test('an unresponsive worker delays a report by a timeout, and is named in it', async () => {
  await Promise.all(Array.from({ length: 16 }, () => get('/birds/1', { 'x-request-id': 'known-to-both' })));
  const [hanging = 0] = await childrenOf(gateway.pid);
  const before = await birdsCounted();
  process.kill(hanging, 'SIGSTOP');
  try {
    const explanation = await byAnyConnection(() => explained('known-to-both'));
    expect(explanation.silent_workers).toHaveLength(1);
    const ready = await byAnyConnection(async () => (await get('/readyz')).json());
    expect(ready).toMatchObject({ status: 'degraded', dependencies: { workers: { status: 'down' } } });
    const text = await byAnyConnection(metricsText);
    expect(sumOf(text, 'gateway_workers_silent')).toBe(1);
    expect(sumOf(text, 'gateway_requests_total', BIRDS)).toBeGreaterThanOrEqual(before);
  } finally {
    process.kill(hanging, 'SIGCONT');
  }
  await eventually(async () => expect(await metric('gateway_workers_silent')).toBe(0));
}, 60_000);

test('a killed worker is restarted; the others serve, and counters continue', async () => {
  await send(32, 'before');
  const before = await birdsCounted();
  const [killed = 0] = await childrenOf(gateway.pid);
  process.kill(killed, 'SIGKILL');
  await eventually(async () => expect(await metric('gateway_workers')).toBe(2));
  expect(await metric('gateway_worker_restarts_total')).toBe(1);
  expect(await birdsCounted()).toBe(before);
  await eventually(async () => void (await send(32, 'after')));
  expect(await birdsCounted()).toBeGreaterThanOrEqual(before + 32);
}, 60_000);

async function tokenOf(permissions: readonly string[]): Promise<string> {
  const token = await new SignJWT({ username: 'operator', sid: 'session', roles: [], permissions })
    .setProtectedHeader({ alg: 'HS256', typ: ACCESS_TOKEN_TYPE })
    .setSubject('1')
    .setJti('token')
    .setIssuer(TOKENS.JWT_ISSUER)
    .setAudience(TOKENS.JWT_AUDIENCE)
    .setIssuedAt()
    .setExpirationTime('5m')
    .sign(new TextEncoder().encode(SECRET));
  return `Bearer ${token}`;
}
