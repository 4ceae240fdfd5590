import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { type InstanceLease, registerInstance } from '#kit/registry/lease';
import { eventually } from '../support/eventually';
import { type Fault, type FaultProxy, startFaultProxy } from '../support/fault-proxy';
import { type StartedProcess, startProcess } from '../support/processes';
import { testRuntime } from '../support/servers';

/**
 * Three instances of a service, each behind a proxy that can fail in one way. `FULL=1` asks more often, and holds the
 * times to their promise too; otherwise only what does not depend on the machine's speed is asserted.
 */
const FULL = process.env.FULL === '1';
const REQUESTS = FULL ? 20_000 : 4_000;
const CLIENTS = 16;
/** Requests sent again, as a share of those that came in. */
const MOST_SENT_AGAIN = 0.2;
const LEAST_SUCCESS = 0.999;

const runtime = testRuntime('faulty-instances');
let registry: StartedProcess;
let gateway: StartedProcess;
let instances: StartedProcess[] = [];

beforeAll(async () => {
  registry = await startProcess('registry/main.ts', {});
  // They are known by the ports of their proxies only.
  const alone = { SERVICE: 'birds', REGISTRY_URL: 'http://127.0.0.1:1' };
  [gateway, ...instances] = await Promise.all([
    startProcess('gateway/main.ts', { REGISTRY_URL: registry.url }),
    ...Array.from({ length: 3 }, () => startProcess('tests/support/named-service.ts', alone)),
  ]);
}, 60_000);

afterAll(async () => {
  await runtime.close();
  await Promise.all([gateway?.stop(), ...instances.map((instance) => instance.kill())]);
  await registry?.stop();
}, 30_000);

/** A service of its own name, of the same three processes behind three proxies of its own. */
async function openService(name: string) {
  // The gateway asks each instance for its documents as well.
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
 * Asks at least so often, by clients that each ask again when they have an answer, and until all of these are answered:
 * as long as some wait for a silent instance, the others go on.
 */
async function ask(url: string, requests: number) {
  const failures: string[] = [];
  const tookMs: number[] = [];
  let begun = 0;
  let awaited = requests;
  const client = async () => {
    while (awaited > 0) {
      const isAwaited = begun++ < requests;
      const startedMs = performance.now();
      const outcome = await fetch(url, { signal: AbortSignal.timeout(40_000) })
        .then(async (response) => (await response.text()) && `${response.status}`)
        .catch((failure: unknown) => String(failure));
      tookMs.push(performance.now() - startedMs);
      if (outcome !== '200') failures.push(outcome);
      if (isAwaited) awaited--;
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  tookMs.sort((left, right) => left - right);
  return { failures, requests: begun, p99Ms: tookMs[Math.floor(tookMs.length * 0.99)] ?? 0 };
}

const askedOf = (proxies: readonly FaultProxy[]) => proxies.reduce((sum, proxy) => sum + proxy.requests(), 0);

describe('with one of three instances faulty, reads succeed and are not multiplied:', () => {
  test.each<[string, Fault | 'gone']>([
    ['slow', { kind: 'delay', ms: 500 }],
    ['resetting', { kind: 'reset' }],
    ['half-open', { kind: 'half-open' }],
    ['truncating', { kind: 'truncate' }],
    ['throttled', { kind: 'throttle', bytesPerSecond: 1_000 }],
    ['gone', 'gone'],
  ])(
    '%s',
    async (name, fault) => {
      const service = await openService(`birds-${name}`);
      const { url, proxies } = service;
      const before = await ask(url, REQUESTS / 8);
      expect(before.failures).toEqual([]);

      const askedBefore = askedOf(proxies);
      const [faulty] = proxies;
      if (fault === 'gone') faulty?.stop();
      else faulty?.suffer(fault);
      const { failures, requests, p99Ms } = await ask(url, REQUESTS);
      const upstream = (askedOf(proxies) - askedBefore) / requests;
      if (FULL) {
        const well = await openService(`well-${name}`);
        await ask(well.url, REQUESTS / 8);
        // At the same time, so that both have the same machine.
        const [healthy, after] = await Promise.all([ask(well.url, REQUESTS), ask(url, REQUESTS)]);
        const p99 = { first: p99Ms, healthy: healthy.p99Ms, after: after.p99Ms };
        process.stdout.write(
          `${JSON.stringify({ fault, requests, failures, failedAfter: after.failures, upstream, p99 })}\n`,
        );
        expect(after.p99Ms).toBeLessThanOrEqual(2 * healthy.p99Ms);
        await closeService(well);
      }
      expect(1 - failures.length / requests).toBeGreaterThanOrEqual(LEAST_SUCCESS);
      expect(upstream).toBeGreaterThan(0.9);
      expect(upstream).toBeLessThanOrEqual(1 + MOST_SENT_AGAIN);
      await closeService(service);
    },
    FULL ? 240_000 : 60_000,
  );
});

describe('with all instances faulty', () => {
  test('a storm of retries does not happen, and those who ask are told when to come back', async () => {
    const service = await openService('birds-all-resetting');
    for (const proxy of service.proxies) proxy.suffer({ kind: 'reset' });
    const { failures, requests } = await ask(service.url, REQUESTS / 4);
    expect(failures).toHaveLength(requests);
    expect(askedOf(service.proxies)).toBeLessThanOrEqual(requests * (1 + MOST_SENT_AGAIN));
    const refused = await eventually(async () => {
      const response = await fetch(service.url);
      // A request of each two seconds finds out whether it is well again, and gets a 502.
      expect(response.status).toBe(503);
      return response;
    });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    await closeService(service);
  }, 60_000);

  test('that are gone, a request is refused at once', async () => {
    const service = await openService('birds-all-gone');
    await Promise.all(service.leases.map((lease) => lease.deregister()));
    const refused = await eventually(async () => {
      const response = await fetch(service.url);
      expect(response.status).toBe(503);
      return response;
    });
    expect(await refused.json()).toMatchObject({ code: 'service.unavailable' });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    const asked = askedOf(service.proxies);
    expect(new Set((await ask(service.url, 50)).failures)).toEqual(new Set(['503']));
    expect(askedOf(service.proxies)).toBe(asked);
    await closeService(service);
  }, 60_000);
});
