import { afterEach, expect, setDefaultTimeout, test } from 'bun:test';
import { createClient } from 'redis';
import type { Registered, ServiceChange, ServicesSnapshot } from '#contracts/registry';
import { eventually } from '../tests/support/eventually';
import { SHORT_LEASE, startRegistry } from '../tests/support/registry';
import { serverVariable, uniqueName } from '../tests/support/servers';
import type { LeaseRules } from './expiry';
import { callAt, enterAt, registration, watch } from './test-calls';

// Leases of whole seconds have to lapse.
setDefaultTimeout(30_000);

const opened: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

/** A group of registries of its own, on the Redis all tests share. */
function group(lease?: LeaseRules) {
  const redis = { url: serverVariable('REDIS_URL'), group: uniqueName('registry') };
  return async () => {
    const replica = await startRegistry({ redis, ...(lease && { lease }) });
    opened.push(replica.close);
    return replica;
  };
}

async function three(lease?: LeaseRules) {
  const start = group(lease);
  const [a, b, c] = await Promise.all([start(), start(), start()]);
  return { a: a.url, b: b.url, c: c.url, start };
}

async function states(url: string, name: string): Promise<Record<string, string>> {
  const response = await fetch(`${url}/services/${name}`);
  if (response.status === 404) return {};
  const { instances } = (await response.json()) as ServiceChange;
  return Object.fromEntries(instances.map(({ instance_id: id, state }) => [id, state]));
}

const everywhere = (urls: readonly string[], name: string, expected: Record<string, string>) =>
  eventually(async () => {
    for (const url of urls) expect(await states(url, name)).toEqual(expected);
  });

const beat = (url: string, { instance_id: id, lease_secret: secret }: Registered, body: object = {}) =>
  callAt(url, `/heartbeat/${id}`, 'POST', secret, body);

test('an instance that registers at one replica is known, renewed, drained and removed at any', async () => {
  const { a, b, c } = await three();
  const lease = await enterAt(a, 'shared', { instance_id: 's1' });
  await everywhere([a, b, c], 'shared', { s1: 'up' });
  expect((await beat(b, lease)).status).toBe(200);
  expect((await beat(b, { ...lease, lease_secret: 'guess' })).status).toBe(403);
  expect((await beat(b, lease, { state: 'draining' })).status).toBe(200);
  await everywhere([a, b, c], 'shared', { s1: 'draining' });
  const again = registration('shared', { instance_id: 's1', version: '2.0.0' });
  expect((await callAt(c, '/register', 'POST', lease.lease_secret, again)).status).toBe(200);
  await everywhere([a, b, c], 'shared', { s1: 'up' });
  expect((await callAt(c, '/deregister/s1', 'DELETE', lease.lease_secret)).status).toBe(204);
  await everywhere([a, b, c], 'shared', {});
  expect((await beat(a, lease)).status).toBe(404);
});

test('beats at one replica keep an instance alive at all, and its silence ends it at all', async () => {
  const { a, b, c } = await three(SHORT_LEASE);
  const lease = await enterAt(a, 'beating', { instance_id: 'b1' });
  await everywhere([b, c], 'beating', { b1: 'up' });
  const { events, stop } = await watch(c);
  const beating = setInterval(() => void beat(b, lease), 250);
  await Bun.sleep(SHORT_LEASE.removedMs * 1.25);
  clearInterval(beating);
  const changes = events.filter(({ event }) => event === 'change').length;
  await everywhere([a, b, c], 'beating', {});
  stop();
  expect(changes).toBe(0);
});

test('a replica that begins knows everybody at once, and says so', async () => {
  // An empty table that nobody has vouched for is believed only after a whole lease.
  const { a, b, start } = await three(SHORT_LEASE);
  const lease = await enterAt(a, 'known', { instance_id: 'k1' });
  const beating = setInterval(() => void beat(b, lease), 250);
  opened.push(async () => clearInterval(beating));
  const snapshot = async (url: string) => (await (await fetch(`${url}/services`)).json()) as ServicesSnapshot;
  await eventually(async () => (await snapshot(a)).complete === true);
  const late = await start();
  const seen = await snapshot(late.url);
  expect(seen.complete).toBe(true);
  expect(seen.services.known).toMatchObject([{ instance_id: 'k1', state: 'up' }]);
  // How many share the table is known when each has said again that it is there.
  await eventually(async () =>
    expect(await (await fetch(`${late.url}/status`)).json()).toMatchObject({
      sharing: { working: true, replicas: 4, complete: true },
    }),
  );
  const { dependencies } = (await (await fetch(`${late.url}/readyz`)).json()) as {
    dependencies: Record<string, unknown>;
  };
  expect(dependencies.replicas).toMatchObject({ status: 'up', detail: '3 others share the table' });
});

test('services that claim one route at two replicas at once end with one owner, the same at all', async () => {
  const { a, b, c } = await three();
  const routes = [{ method: 'GET', path: '/contested', auth: 'public' }];
  const enter = (url: string, name: string) =>
    callAt(url, '/register', 'POST', undefined, registration(name, { instance_id: name, routes }));
  await Promise.all([enter(a, 'first'), enter(b, 'second')]);
  await eventually(async () => {
    const owners = await Promise.all(
      [a, b, c].map(async (url) => {
        const response = await callAt(url, '/register', 'POST', undefined, registration('third', { routes }));
        return ((await response.json()) as { detail: string }).detail;
      }),
    );
    expect(owners[0]).toMatch(/^GET \/contested belongs to (first|second)\.$/);
    expect(new Set(owners).size).toBe(1);
  });
});

test('many registrations at once, at all replicas, are known at all in the end', async () => {
  const { a, b, c } = await three();
  const urls = [a, b, c];
  await Promise.all(
    Array.from({ length: 60 }, (_, index) =>
      enterAt(urls[index % 3] ?? a, `many-${index % 4}`, { instance_id: `m${index}` }),
    ),
  );
  await eventually(async () => {
    for (const url of urls) {
      const { services } = (await (await fetch(`${url}/services`)).json()) as ServicesSnapshot;
      expect(Object.values(services).flat()).toHaveLength(60);
    }
  });
});

test('leaving waits for the gateways of every replica, and what they say may come by any', async () => {
  const { a, b, c } = await three();
  const gateway = async (url: string) => {
    const { events, stop } = await watch(url, { acknowledges: true });
    opened.push(async () => stop());
    await eventually(() => events.length > 1);
    const { token } = JSON.parse(events[0]?.data ?? '') as { token: string };
    const letGo = async (via: string) => {
      const revision = await eventually(async () => {
        const { instances } = (await (await fetch(`${url}/services/leaving`)).json()) as ServiceChange;
        if (instances[0]?.state !== 'draining') throw new Error('It does not drain');
        return instances[0].changed_at_revision;
      });
      return (await callAt(via, '/drained/leaving/l1', 'POST', token, { revision })).status;
    };
    return letGo;
  };
  const [here, there] = [await gateway(a), await gateway(b)];
  const guess = await callAt(a, '/drained/leaving/l1', 'POST', 'somewhere.guess', { revision: 1 });
  expect(guess.status).toBe(404);
  const { lease_secret: secret } = await enterAt(c, 'leaving', { instance_id: 'l1' });
  await everywhere([a, b], 'leaving', { l1: 'up' });
  let status: number | undefined;
  const left = callAt(c, '/deregister/l1?wait=drained', 'DELETE', secret).then((response) => {
    status = response.status;
  });
  expect(await here(a)).toBe(204);
  await everywhere([a, b, c], 'leaving', { l1: 'draining' });
  expect(status).toBeUndefined();
  expect(await there(a)).toBe(204);
  await left;
  expect(status).toBe(204);
});

test('what somebody else writes into Redis is not taken for a replica’s word', async () => {
  const redis = { url: serverVariable('REDIS_URL'), group: uniqueName('registry') };
  const replica = await startRegistry({ redis });
  opened.push(replica.close);
  const writer = createClient({ url: redis.url });
  await writer.connect();
  opened.push(async () => writer.destroy());
  const version = `${String(Date.now()).padStart(15, '0')}-0198c1de-0000-7000-8000-00000000000a`;
  const record = (name: string, host: string) => ({
    name,
    instance_id: 'r1',
    version,
    secret_hash: 'none',
    reported: 'up',
    instance: {
      ...registration(name, { instance_id: 'r1', host }),
      weight: 100,
      metadata: {},
      registered_at: new Date().toISOString(),
    },
  });
  const tell = (records: object[]) =>
    writer.publish(
      `${redis.group}:registry`,
      JSON.stringify({ from: 'somebody', records, beats: [], drains: [], acknowledgements: [] }),
    );
  await writer.publish(`${redis.group}:registry`, 'not even JSON');
  await tell([{ ...record('shapeless', '127.0.0.1'), instance: {} }]);
  await tell([record('thief', '169.254.169.254')]);
  await tell([record('neighbour', '127.0.0.1')]);
  await everywhere([replica.url], 'neighbour', { r1: 'up' });
  expect(await states(replica.url, 'thief')).toEqual({});
  expect(await states(replica.url, 'shapeless')).toEqual({});
});
