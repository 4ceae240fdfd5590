import { afterEach, beforeEach, expect, test } from 'bun:test';
import type { Registered, ServiceChange } from '#contracts/registry';
import { registrationCredential } from '#kit/registry/credential';
import { eventually } from '../../tests/support/eventually';
import { startRegistry } from '../../tests/support/registry';
import { callAt, registerAt, watch } from '../test-calls';

const TOKEN = 'a-token-of-the-tests';
let url: string;
let close: () => Promise<void>;
beforeEach(async () => {
  ({ url, close } = await startRegistry());
});
afterEach(() => close());

const deregister = ({ instance_id: id, lease_secret: secret }: Registered, timeout = '10s') =>
  callAt(url, `/deregister/${id}?wait=drained&timeout=${timeout}`, 'DELETE', secret);

const listed = async (name: string) =>
  ((await (await fetch(`${url}/services/${name}`)).json()) as ServiceChange).instances;

async function drainingRevision(name: string): Promise<number> {
  return eventually(async () => {
    const [instance] = await listed(name);
    if (instance?.state !== 'draining') throw new Error('The instance is not draining');
    return instance.changed_at_revision;
  });
}

/** An acknowledging watcher, as gateways are. */
async function gateway() {
  const { events, stop } = await watch(url, { acknowledges: true });
  await eventually(() => events.length > 1);
  const { token } = JSON.parse(events[0]?.data ?? '') as { token: string };
  return {
    token,
    stop,
    acknowledge: (name: string, id: string, revision: number, bearer = token) =>
      callAt(url, `/drained/${name}/${id}`, 'POST', bearer, { revision }),
  };
}

test('a deregistration waits until every gateway has acknowledged the draining instance', async () => {
  const [first, second] = [await gateway(), await gateway()];
  const lease = await registerAt(url, 'leaving');
  let response: Response | undefined;
  const removal = deregister(lease).then((received) => {
    response = received;
  });
  const revision = await drainingRevision('leaving');
  expect((await first.acknowledge('leaving', lease.instance_id, revision)).status).toBe(204);
  expect(await listed('leaving')).toHaveLength(1);
  expect(response).toBeUndefined();
  expect((await second.acknowledge('leaving', lease.instance_id, revision)).status).toBe(204);
  await removal;
  expect(response?.status).toBe(204);
  expect(await listed('leaving')).toEqual([]);
  first.stop();
  second.stop();
});

test('a drain does not wait for gateways that disconnect, and waits for those that connect', async () => {
  const [staying, going] = [await gateway(), await gateway()];
  const lease = await registerAt(url, 'leaving');
  const removal = deregister(lease);
  const revision = await drainingRevision('leaving');
  const coming = await gateway();
  await staying.acknowledge('leaving', lease.instance_id, revision);
  going.stop();
  await eventually(async () => (await (await fetch(`${url}/status`)).json()).acknowledging_watchers === 2);
  expect(await listed('leaving')).toHaveLength(1);
  await coming.acknowledge('leaving', lease.instance_id, revision);
  expect((await removal).status).toBe(204);
  staying.stop();
  coming.stop();
});

test('a deregistration completes after its timeout and reports how many gateways were missing', async () => {
  const { stop } = await gateway();
  const lease = await registerAt(url, 'leaving');
  const response = await deregister(lease, '50ms');
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual({ drained: false, acknowledged_by: 0, waiting_for: 1 });
  expect(await listed('leaving')).toEqual([]);
  stop();
});

test('without acknowledging gateways a deregistration completes at once and reports the drain as unacknowledged', async () => {
  const { stop } = await watch(url);
  const response = await deregister(await registerAt(url, 'leaving'), '60s');
  expect(await response.json()).toEqual({ drained: false, acknowledged_by: 0, waiting_for: 0 });
  stop();
});

test('an instance is drained and removed even when its caller disconnects', async () => {
  const { stop } = await gateway();
  const { instance_id: id, lease_secret: secret } = await registerAt(url, 'leaving');
  const caller = new AbortController();
  const removal = fetch(`${url}/deregister/${id}?wait=drained&timeout=300ms`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${secret}` },
    signal: caller.signal,
  }).catch(() => 'disconnected');
  await drainingRevision('leaving');
  caller.abort();
  expect(await removal).toBe('disconnected');
  await eventually(async () => (await listed('leaving')).length === 0);
  stop();
});

test('an acknowledgement of an earlier drain does not count for a later one', async () => {
  const { acknowledge, stop } = await gateway();
  const lease = await registerAt(url, 'returning');
  const { instance_id: id, lease_secret: secret } = lease;
  const heartbeat = (state: string) => callAt(url, `/heartbeat/${id}`, 'POST', secret, { state });
  await heartbeat('draining');
  await acknowledge('returning', id, await drainingRevision('returning'));
  await heartbeat('up');
  expect(await (await deregister(lease, '50ms')).json()).toMatchObject({ drained: false, waiting_for: 1 });
  stop();
});

test('only a watcher with an open stream and the registry token can acknowledge', async () => {
  const { acknowledge, stop, token } = await gateway();
  const { instance_id: id } = await registerAt(url, 'leaving');
  expect((await acknowledge('leaving', id, 1, 'guess')).status).toBe(404);
  expect((await callAt(url, `/drained/leaving/${id}`, 'POST', undefined, { revision: 1 })).status).toBe(401);
  stop();
  await eventually(async () => (await acknowledge('leaving', id, 1, token)).status === 404);

  const guarded = await startRegistry({ token: TOKEN });
  try {
    const open = (bearer?: string) => callAt(guarded.url, '/watch?acknowledges=true', 'GET', bearer);
    expect((await open()).status).toBe(401);
    expect((await open('guess')).status).toBe(401);
    const watching = await open(registrationCredential(TOKEN, 'gateway'));
    expect(watching.status).toBe(200);
    await watching.body?.cancel();
  } finally {
    await guarded.close();
  }
});
