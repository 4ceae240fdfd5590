import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { type InstanceLease, registerInstance } from '#kit/registry/lease';
import { eventually } from '../support/eventually';
import { type Fault, type FaultProxy, startFaultProxy } from '../support/fault-proxy';
import { type StartedProcess, startProcess } from '../support/processes';
import { testRuntime } from '../support/servers';

/**
 * Three instances of a service, each behind a proxy with fault injection. `FULL=1` sends more requests and also asserts
 * latencies; otherwise only what does not depend on the machine's speed is asserted.
 */
const FULL = process.env.FULL === '1';
const REQUESTS = FULL ? 20_000 : 6_000;
const CLIENTS = 16;
/** Retries as a share of the incoming requests. */
const MAX_RETRY_RATIO = 0.2;
const MIN_SUCCESS_RATIO = 0.999;

const runtime = testRuntime('faulty-instances');
let registry: StartedProcess;
let gateway: StartedProcess;
let instances: StartedProcess[] = [];

beforeAll(async () => {
  registry = await startProcess('registry/main.ts', {});
  // They are registered with the ports of their proxies.
  const unregistered = { SERVICE: 'birds', REGISTRY_URL: 'http://127.0.0.1:1' };
  [gateway, ...instances] = await Promise.all([
    startProcess('gateway/main.ts', { REGISTRY_URL: registry.url }),
    ...Array.from({ length: 3 }, () => startProcess('tests/support/named-service.ts', unregistered)),
  ]);
}, 60_000);

afterAll(async () => {
  await runtime.close();
  await Promise.all([gateway?.stop(), ...instances.map((instance) => instance.kill())]);
  await registry?.stop();
}, 60_000);

/** Registers a service with the same three processes, behind three proxies of its own. */
async function openService(name: string) {
  // The gateway also fetches the documents of each instance, which are not counted.
  const proxies = await Promise.all(
    instances.map(({ url }) => startFaultProxy(Number(new URL(url).port), 'GET /birds/')),
  );
  const leases = proxies.map(({ port }) =>
    registerInstance(runtime, {
      urls: [registry.url],
      registration: {
        name,
        version: '1.0.0',
        host: '127.0.0.1',
        port,
        // The proxies pass the challenge to a process that holds another lease.
        verify: 'http',
        health_path: '/health',
        routes: [{ method: 'GET', path: '/birds/:id', auth: 'public', prefix_only: true }],
        prefixes: [name],
      },
    }),
  );
  await eventually(async () => {
    const status: unknown = await (await fetch(gateway.url)).json();
    expect(Object(status).services?.[name]?.instances ?? []).toHaveLength(3);
  });
  return { url: `${gateway.url}/${name}/birds/1`, proxies, leases };
}

async function closeService({ proxies, leases }: { proxies: FaultProxy[]; leases: InstanceLease[] }) {
  await Promise.all(leases.map((lease) => lease.deregister()));
  for (const proxy of proxies) proxy.stop();
}

/**
 * Sends at least `requests` requests from concurrent clients, until all of these have completed: while some wait for a
 * silent instance, the other clients continue.
 */
async function sendRequests(url: string, requests: number) {
  const failures: string[] = [];
  const durationsMs: number[] = [];
  let started = 0;
  let pending = requests;
  const client = async () => {
    while (pending > 0) {
      const isCounted = started++ < requests;
      const startedMs = performance.now();
      const outcome = await fetch(url, { signal: AbortSignal.timeout(40_000) })
        .then(async (response) => (await response.text()) && `${response.status}`)
        .catch((failure: unknown) => String(failure));
      durationsMs.push(performance.now() - startedMs);
      if (outcome !== '200') failures.push(outcome);
      if (isCounted) pending--;
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  durationsMs.sort((left, right) => left - right);
  return { failures, requests: started, p99Ms: durationsMs[Math.floor(durationsMs.length * 0.99)] ?? 0 };
}

const upstreamRequests = (proxies: readonly FaultProxy[]) =>
  proxies.reduce((sum, proxy) => sum + proxy.requests(), 0);

describe('with one of three instances faulty, reads succeed without a retry storm:', () => {
  test.each<[string, Fault | 'crashed']>([
    ['slow', { kind: 'delay', ms: 500 }],
    ['resetting', { kind: 'reset' }],
    ['half-open', { kind: 'half-open' }],
    ['truncating', { kind: 'truncate' }],
    ['throttled', { kind: 'throttle', bytesPerSecond: 1_000 }],
    ['crashed', 'crashed'],
  ])(
    '%s',
    async (name, fault) => {
      const service = await openService(`birds-${name}`);
      const { url, proxies } = service;
      const before = await sendRequests(url, REQUESTS / 8);
      expect(before.failures).toEqual([]);

      const requestsBefore = upstreamRequests(proxies);
      const [faulty] = proxies;
      if (fault === 'crashed') faulty?.stop();
      else faulty?.inject(fault);
      const { failures, requests, p99Ms } = await sendRequests(url, REQUESTS);
      const upstream = (upstreamRequests(proxies) - requestsBefore) / requests;
      if (FULL) {
        const healthyService = await openService(`healthy-${name}`);
        await sendRequests(healthyService.url, REQUESTS / 8);
        // Concurrently, so that both see the same load.
        const [healthy, after] = await Promise.all([
          sendRequests(healthyService.url, REQUESTS),
          sendRequests(url, REQUESTS),
        ]);
        const p99 = { first: p99Ms, healthy: healthy.p99Ms, after: after.p99Ms };
        process.stdout.write(
          `${JSON.stringify({ fault, requests, failures, failuresAfter: after.failures, upstream, p99 })}\n`,
        );
        expect(after.p99Ms).toBeLessThanOrEqual(2 * healthy.p99Ms);
        await closeService(healthyService);
      }
      expect(1 - failures.length / requests).toBeGreaterThanOrEqual(MIN_SUCCESS_RATIO);
      expect(upstream).toBeGreaterThan(0.9);
      expect(upstream).toBeLessThanOrEqual(1 + MAX_RETRY_RATIO);
      await closeService(service);
    },
    FULL ? 240_000 : 60_000,
  );
});

describe('with all instances faulty', () => {
  test('retries are bounded, and rejections carry Retry-After', async () => {
    const service = await openService('birds-all-resetting');
    for (const proxy of service.proxies) proxy.inject({ kind: 'reset' });
    const { failures, requests } = await sendRequests(service.url, REQUESTS / 4);
    expect(failures).toHaveLength(requests);
    expect(upstreamRequests(service.proxies)).toBeLessThanOrEqual(requests * (1 + MAX_RETRY_RATIO));
    const rejected = await eventually(async () => {
      const response = await fetch(service.url);
      // Every two seconds one request probes the service and fails with 502.
      expect(response.status).toBe(503);
      return response;
    });
    expect(Number(rejected.headers.get('retry-after'))).toBeGreaterThan(0);
    await closeService(service);
  }, 60_000);

  test('that have deregistered, requests are rejected at once', async () => {
    const service = await openService('birds-all-deregistered');
    await Promise.all(service.leases.map((lease) => lease.deregister()));
    const rejected = await eventually(async () => {
      const response = await fetch(service.url);
      expect(response.status).toBe(503);
      return response;
    });
    expect(await rejected.json()).toMatchObject({ code: 'service.unavailable' });
    expect(Number(rejected.headers.get('retry-after'))).toBeGreaterThan(0);
    const before = upstreamRequests(service.proxies);
    expect(new Set((await sendRequests(service.url, 50)).failures)).toEqual(new Set(['503']));
    expect(upstreamRequests(service.proxies)).toBe(before);
    await closeService(service);
  }, 60_000);
});
