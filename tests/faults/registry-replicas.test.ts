import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import type { Instance } from '#contracts/registry';
import { type RegistryClient, watchRegistry } from '#kit/registry/client';
import { registerInstance } from '#kit/registry/lease';
import { eventually } from '../support/eventually';
import { type StartedProcess, startProcess } from '../support/processes';
import { type Registries, startRegistries } from '../support/registries';
import { testRuntime } from '../support/servers';

setDefaultTimeout(120_000);

const PORT_OFFSET = 9_700;
/**
 * In full, so that a lease that nobody has renewed would have lapsed: REGISTRY_REDIS_AWAY_MS=40000 and
 * REGISTRY_PAUSED_MS=40000, and for every instance to beat while a replica is away, REGISTRY_REPLICA_AWAY_MS=6000.
 */
const REDIS_AWAY_MS = Number(process.env.REGISTRY_REDIS_AWAY_MS ?? 300);
const PAUSED_MS = Number(process.env.REGISTRY_PAUSED_MS ?? 1_000);
const REPLICA_AWAY_MS = Number(process.env.REGISTRY_REPLICA_AWAY_MS ?? 500);

let registries: Registries;
let instances: StartedProcess[];
let gateway: StartedProcess;
/** One that follows each replica alone, and one that follows whichever answers. */
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

const ALL_SHARE = { sharing: { working: true, replicas: 3 } };
const statusOf = async (url: string) => (await fetch(`${url}/status`)).json();

/** Asks through the gateway, and looks at every view, while something happens. */
async function during(what: () => Promise<void>) {
  const statuses = new Map<number | string, number>();
  let fewest = 3;
  const stopLooking = views.map((view) =>
    view.onChange(() => {
      fewest = Math.min(fewest, up(view).length);
    }),
  );
  let asking = true;
  const asked = Promise.all(
    [1, 2, 3, 4].map(async (id) => {
      while (asking) {
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
  asking = false;
  await asked;
  for (const stop of stopLooking) stop();
  return { statuses: [...statuses.keys()], fewest };
}

test('each replica is killed and comes back: no watcher misses an instance, and no request fails', async () => {
  const seen = await during(async () => {
    for (const number of [0, 1, 2]) {
      await registries.kill(number);
      await Bun.sleep(REPLICA_AWAY_MS);
      await registries.startAgain(number);
      await eventually(async () => {
        const status = await statusOf(registries.replica(number).url);
        expect(status).toMatchObject({ instances: { up: 3 }, ...ALL_SHARE });
      });
    }
  });
  expect(seen).toEqual({ statuses: [200], fewest: 3 });
  // Nobody had to register anew.
  expect(instances.some((instance) => instance.output().includes('does not know this instance'))).toBe(false);
});

test('while Redis is away every replica goes on alone, and what was missed is shared when it is back', async () => {
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
    const lease = registerInstance(runtime, {
      urls: [first],
      registration: {
        name: 'late',
        version: '1.0.0',
        host: '127.0.0.1',
        port: 5101,
        routes: [],
        prefixes: [],
      },
    });
    await lease.registered;
    await Bun.sleep(REDIS_AWAY_MS);
    expect(await late(second)).toBe(404);
    await redis.restart();
    await eventually(async () => (await late(second)) === 200);
    await lease.deregister();
  });
  expect(seen).toEqual({ statuses: [200], fewest: 3 });
});

test('a replica that stands still is one less, and is one of them again when it goes on', async () => {
  const { child, url } = registries.replica(0);
  const seen = await during(async () => {
    child.kill('SIGSTOP');
    await Bun.sleep(PAUSED_MS);
    child.kill('SIGCONT');
    await eventually(async () =>
      expect(await statusOf(url)).toMatchObject({ instances: { up: 3 }, ...ALL_SHARE }),
    );
  });
  expect(seen).toEqual({ statuses: [200], fewest: 3 });
});

test('an instance that leaves is gone at all replicas, and is let go of by a gateway at any', async () => {
  await eventually(async () => {
    for (const url of registries.urls) expect(await statusOf(url)).toMatchObject(ALL_SHARE);
  });
  const [leaving] = instances.splice(0, 1);
  const seen = await during(async () => {
    await leaving?.stop();
  });
  expect(leaving?.output().includes('left before every gateway')).toBe(false);
  expect(seen.statuses).toEqual([200]);
  await eventually(() => views.every((view) => view.instances('steady').length === 2));
});
