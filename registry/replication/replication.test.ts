import { afterEach, expect, setDefaultTimeout, test } from 'bun:test';
import { createClient } from 'redis';
import type { Registered, ServiceChange, ServicesSnapshot } from '#contracts/registry';
import { DEVELOPMENT_REGISTRY_TOKEN } from '#kit/config/secrets';
import { registrationCredential } from '#kit/registry/credential';
import { eventually } from '../../tests/support/eventually';
import { SHORT_LEASE, startRegistry } from '../../tests/support/registry';
import { serverVariable, uniqueName } from '../../tests/support/servers';
import type { LeaseRules } from '../table/expiry';
import { callAt, registerAt, registration, watch } from '../test-calls';

// Leases of whole seconds have to expire.
setDefaultTimeout(60_000);

const opened: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

/** A replica group of its own on the Redis that all tests share; returns how to start a replica. */
function group(lease?: LeaseRules) {
  const redis = { url: serverVariable('REDIS_URL'), group: uniqueName('registry') };
  return async () => {
    const replica = await startRegistry({ redis, ...(lease && { lease }) });
    opened.push(replica.close);
    return replica;
  };
}

async function startThree(lease?: LeaseRules) {
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

const heartbeat = (url: string, { instance_id: id, lease_secret: secret }: Registered, body: object = {}) =>
  callAt(url, `/heartbeat/${id}`, 'POST', secret, body);

test('an instance registered on one replica can be renewed, drained and removed on any', async () => {
  const { a, b, c } = await startThree();
  const lease = await registerAt(a, 'shared', { instance_id: 's1' });
  await everywhere([a, b, c], 'shared', { s1: 'up' });
  expect((await heartbeat(b, lease)).status).toBe(200);
  expect((await heartbeat(b, { ...lease, lease_secret: 'guess' })).status).toBe(403);
  expect((await heartbeat(b, lease, { state: 'draining' })).status).toBe(200);
  await everywhere([a, b, c], 'shared', { s1: 'draining' });
  const again = registration('shared', { instance_id: 's1', version: '2.0.0' });
  expect((await callAt(c, '/register', 'POST', lease.lease_secret, again)).status).toBe(200);
  await everywhere([a, b, c], 'shared', { s1: 'up' });
  expect((await callAt(c, '/deregister/s1', 'DELETE', lease.lease_secret)).status).toBe(204);
  await everywhere([a, b, c], 'shared', {});
  expect((await heartbeat(a, lease)).status).toBe(404);
});

test('heartbeats to one replica renew the lease on all, and without them it expires on all', async () => {
  const { a, b, c } = await startThree(SHORT_LEASE);
  const lease = await registerAt(a, 'beating', { instance_id: 'b1' });
  await everywhere([b, c], 'beating', { b1: 'up' });
  const { events, stop } = await watch(c);
  // A machine that pauses this process for longer than a lease does let it expire: that round does not count.
  for (let longestMs = Number.POSITIVE_INFINITY; longestMs > SHORT_LEASE.unhealthyMs / 2; ) {
    await everywhere([b, c], 'beating', { b1: 'up' });
    events.length = 0;
    longestMs = await beat(() => heartbeat(b, lease), SHORT_LEASE.removedMs * 1.25);
  }
  expect(events.filter(({ event }) => event === 'change')).toEqual([]);
  await everywhere([a, b, c], 'beating', {});
  stop();
});

/** Sends heartbeats for `ms`. @returns the longest time between two that were answered, in milliseconds */
async function beat(send: () => Promise<unknown>, ms: number): Promise<number> {
  const started = performance.now();
  let [last, longest] = [started, 0];
  while (last - started < ms) {
    await Bun.sleep(200);
    await send();
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }
  return longest;
}

test('a replica that starts has the complete table at once and reports so', async () => {
  // Without a replica that vouches for it, a table counts as complete only after a whole lease.
  const { a, b, start } = await startThree(SHORT_LEASE);
  const lease = await registerAt(a, 'known', { instance_id: 'k1' });
  const heartbeats = setInterval(() => void heartbeat(b, lease), 250);
  opened.push(async () => clearInterval(heartbeats));
  const snapshot = async (url: string) => (await (await fetch(`${url}/services`)).json()) as ServicesSnapshot;
  await eventually(async () => (await snapshot(a)).complete === true);
  const late = await start();
  const seen = await snapshot(late.url);
  expect(seen.complete).toBe(true);
  expect(seen.services.known).toMatchObject([{ instance_id: 'k1', state: 'up' }]);
  // The replica count is known once each replica has published.
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

test('services that register one route on two replicas at once end with the same owner on all', async () => {
  const { a, b, c } = await startThree();
  const routes = [{ method: 'GET', path: '/contested', auth: 'public' }];
  const registerWith = (url: string, name: string) =>
    callAt(url, '/register', 'POST', undefined, registration(name, { instance_id: name, routes }));
  await Promise.all([registerWith(a, 'first'), registerWith(b, 'second')]);
  await eventually(async () => {
    const owners = await Promise.all(
      [a, b, c].map(async (url) => {
        const response = await callAt(url, '/register', 'POST', undefined, registration('third', { routes }));
        return ((await response.json()) as { detail: string }).detail;
      }),
    );
    expect(owners[0]).toMatch(/^GET \/contested overlaps what (first|second) serves\./);
    expect(new Set(owners).size).toBe(1);
  });
});

test('a name registered with its credential on one replica needs it on all, also after the last instance has left', async () => {
  const { a, b, c } = await startThree();
  const credential = registrationCredential(DEVELOPMENT_REGISTRY_TOKEN, 'held');
  const registerWith = (url: string, id: string, bearer?: string) =>
    callAt(url, '/register', 'POST', bearer, registration('held', { instance_id: id }));
  const { lease_secret: secret } = (await (await registerWith(a, 'h1', credential)).json()) as Registered;
  await everywhere([b, c], 'held', { h1: 'up' });
  expect((await registerWith(b, 'thief')).status).toBe(401);
  await callAt(c, '/deregister/h1', 'DELETE', secret);
  await everywhere([a, b, c], 'held', {});
  for (const url of [a, b, c]) expect((await registerWith(url, 'thief')).status).toBe(401);
});

test('concurrent registrations on all replicas converge on all', async () => {
  const { a, b, c } = await startThree();
  const urls = [a, b, c];
  await Promise.all(
    Array.from({ length: 60 }, (_, index) =>
      registerAt(urls[index % 3] ?? a, `many-${index % 4}`, { instance_id: `m${index}` }),
    ),
  );
  await eventually(async () => {
    for (const url of urls) {
      const { services } = (await (await fetch(`${url}/services`)).json()) as ServicesSnapshot;
      expect(Object.values(services).flat()).toHaveLength(60);
    }
  });
});

test('a deregistration waits for the gateways of every replica, whichever replica receives their acknowledgements', async () => {
  const { a, b, c } = await startThree();
  const gateway = async (url: string) => {
    const { events, stop } = await watch(url, { acknowledges: true });
    opened.push(async () => stop());
    await eventually(() => events.length > 1);
    const { token } = JSON.parse(events[0]?.data ?? '') as { token: string };
    const acknowledge = async (via: string) => {
      const revision = await eventually(async () => {
        const { instances } = (await (await fetch(`${url}/services/leaving`)).json()) as ServiceChange;
        if (instances[0]?.state !== 'draining') throw new Error('The instance is not draining');
        return instances[0].changed_at_revision;
      });
      return (await callAt(via, '/drained/leaving/l1', 'POST', token, { revision })).status;
    };
    return acknowledge;
  };
  const [here, there] = [await gateway(a), await gateway(b)];
  const guess = await callAt(a, '/drained/leaving/l1', 'POST', 'somewhere.guess', { revision: 1 });
  expect(guess.status).toBe(404);
  const { lease_secret: secret } = await registerAt(c, 'leaving', { instance_id: 'l1' });
  await everywhere([a, b], 'leaving', { l1: 'up' });
  let status: number | undefined;
  const removal = callAt(c, '/deregister/l1?wait=drained', 'DELETE', secret).then((response) => {
    status = response.status;
  });
  expect(await here(a)).toBe(204);
  await everywhere([a, b, c], 'leaving', { l1: 'draining' });
  expect(status).toBeUndefined();
  expect(await there(a)).toBe(204);
  await removal;
  expect(status).toBe(204);
});

test('malformed and refused records in Redis are ignored', async () => {
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
  const publish = (records: object[]) =>
    writer.publish(
      `${redis.group}:registry`,
      JSON.stringify({ from: 'another-replica', records, beats: [], drains: [], acknowledgements: [] }),
    );
  await writer.publish(`${redis.group}:registry`, 'not even JSON');
  await publish([{ ...record('malformed', '127.0.0.1'), instance: {} }]);
  await publish([record('refused', '169.254.169.254')]);
  await publish([record('neighbour', '127.0.0.1')]);
  await everywhere([replica.url], 'neighbour', { r1: 'up' });
  expect(await states(replica.url, 'refused')).toEqual({});
  expect(await states(replica.url, 'malformed')).toEqual({});
});
