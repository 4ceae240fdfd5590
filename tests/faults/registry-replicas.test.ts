import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import type { Instance } from '#contracts/registry';
import { type RegistryClient, watchRegistry } from '#kit/registry/client';
import { eventually } from '../support/eventually';
import { openAddress } from '../support/open-address';
import { type StartedProcess, startProcess } from '../support/processes';
import { type Registries, startRegistries } from '../support/registries';
import { testRuntime } from '../support/servers';

setDefaultTimeout(120_000);

const PORT_OFFSET = 9_700;
/**
 * Long enough for leases without renewal to expire: REGISTRY_REDIS_AWAY_MS=40000 and REGISTRY_PAUSED_MS=40000; for
 * every instance to send a heartbeat during the outage of a replica: REGISTRY_REPLICA_AWAY_MS=6000.
 */
const REDIS_OUTAGE_MS = Number(process.env.REGISTRY_REDIS_AWAY_MS ?? 300);
const PAUSED_MS = Number(process.env.REGISTRY_PAUSED_MS ?? 1_000);
const REPLICA_OUTAGE_MS = Number(process.env.REGISTRY_REPLICA_AWAY_MS ?? 500);

let registries: Registries;
let instances: StartedProcess[];
let gateway: StartedProcess;
/** One view of all replicas with failover, and one of each replica. */
let views: RegistryClient[];
const runtime = testRuntime('watcher');

beforeAll(async () => {
  registries = await startRegistries('replicas', PORT_OFFSET, 3);
  const environment = {
    REGISTRY_URL: registries.urls.join(','),
    SERVICE: 'steady',
    AMQP_URL: 'amqp://127.0.0.1:1',
  };
  [gateway, ...instances] = await Promise.all([
    startProcess('gateway/main.ts', environment),
    startProcess('tests/support/named-service.ts', environment),
    startProcess('tests/support/named-service.ts', environment),
    startProcess('tests/support/named-service.ts', environment),
  ]);
  views = [registries.urls, ...registries.urls.map((url) => [url])].map((urls) =>
    watchRegistry(runtime, { urls }),
  );
  await eventually(() => views.every((view) => up(view).length === 3));
  await eventually(async () => (await fetch(`${gateway.url}/steady/1`)).ok);
});
afterAll(async () => {
  await runtime.close();
  await Promise.all([...(instances ?? []), gateway].map((process) => process?.stop()));
  await registries?.stop();
});

const up = (view: RegistryClient): Instance[] =>
  view.instances('steady').filter(({ state }) => state === 'up');

const ALL_CONNECTED = { sharing: { working: true, replicas: 3 } };
const statusOf = async (url: string) => (await fetch(`${url}/status`)).json();

/** Sends requests through the gateway and watches every view during `what`. */
async function during(what: () => Promise<void>) {
  const statuses = new Map<number | string, number>();
  let fewest = 3;
  const stopWatching = views.map((view) =>
    view.onChange(() => {
      fewest = Math.min(fewest, up(view).length);
    }),
  );
  let isActive = true;
  const requests = Promise.all(
    [1, 2, 3, 4].map(async (id) => {
      while (isActive) {
        const status = await fetch(`${gateway.url}/steady/${id}`).then(
          (response) => response.status,
          (failure: unknown) => String(failure),
        );
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        await Bun.sleep(2);
      }
    }),
  );
  await what();
  isActive = false;
  await requests;
  for (const stop of stopWatching) stop();
  return { statuses: [...statuses.keys()], fewest };
}

test('while each replica is killed and restarted, no watcher loses an instance and no request fails', async () => {
  const seen = await during(async () => {
    for (const number of [0, 1, 2]) {
      await registries.kill(number);
      await Bun.sleep(REPLICA_OUTAGE_MS);
      await registries.restart(number);
      await eventually(async () => {
        const status = await statusOf(registries.replica(number).url);
        expect(status).toMatchObject({ instances: { up: 3 }, ...ALL_CONNECTED });
      });
    }
  });
  expect(seen).toEqual({ statuses: [200], fewest: 3 });
  // No instance had to register again.
  expect(instances.some((instance) => instance.output().includes('does not know this instance'))).toBe(false);
});

test('while Redis is unavailable every replica runs standalone, and changes are replicated afterwards', async () => {
  const redis = registries.stack.server('redis');
  const [first = '', second = ''] = registries.urls;
  const late = async (url: string) => (await fetch(`${url}/services/late`)).status;
  const seen = await during(async () => {
    await redis.kill('SIGKILL');
    await eventually(async () => {
      for (const url of registries.urls) {
        expect(await statusOf(url)).toMatchObject({ sharing: { working: false } });
      }
    });
    const address = openAddress();
    const lease = address.register(runtime, [first], { name: 'late', routes: [] });
    await lease.registered;
    await Bun.sleep(REDIS_OUTAGE_MS);
    expect(await late(second)).toBe(404);
    await redis.restart();
    await eventually(async () => (await late(second)) === 200);
    await lease.deregister();
    await address.close();
  });
  expect(seen).toEqual({ statuses: [200], fewest: 3 });
});

test('a paused replica is disconnected, and reconnects when it resumes', async () => {
  const { child, url } = registries.replica(0);
  const seen = await during(async () => {
    child.kill('SIGSTOP');
    await Bun.sleep(PAUSED_MS);
    child.kill('SIGCONT');
    await eventually(async () =>
      expect(await statusOf(url)).toMatchObject({ instances: { up: 3 }, ...ALL_CONNECTED }),
    );
  });
  expect(seen).toEqual({ statuses: [200], fewest: 3 });
});

test('an instance that deregisters is drained by gateways of any replica and removed from all', async () => {
  await eventually(async () => {
    for (const url of registries.urls) expect(await statusOf(url)).toMatchObject(ALL_CONNECTED);
  });
  const [leaving] = instances.splice(0, 1);
  const seen = await during(async () => {
    await leaving?.stop();
  });
  expect(leaving?.output().includes('left before every gateway')).toBe(false);
  expect(seen.statuses).toEqual([200]);
  await eventually(() => views.every((view) => view.instances('steady').length === 2));
});
