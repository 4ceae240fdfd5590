import { afterEach, beforeEach, expect, test } from 'bun:test';
import type { Registered, ServiceChange } from '#contracts/registry';
import { eventually } from '../tests/support/eventually';
import { startRegistry } from '../tests/support/registry';
import { callAt, enterAt, watch } from './test-calls';

const TOKEN = 'a-token-of-the-tests';
let url: string;
let close: () => Promise<void>;
beforeEach(async () => {
  ({ url, close } = await startRegistry());
});
afterEach(() => close());

const leave = ({ instance_id: id, lease_secret: secret }: Registered, timeout = '10s') =>
  callAt(url, `/deregister/${id}?wait=drained&timeout=${timeout}`, 'DELETE', secret);

const listed = async (name: string) =>
  ((await (await fetch(`${url}/services/${name}`)).json()) as ServiceChange).instances;

async function drainingRevision(name: string): Promise<number> {
  return eventually(async () => {
    const [instance] = await listed(name);
    if (instance?.state !== 'draining') throw new Error('It does not drain');
    return instance.changed_at_revision;
  });
}

/** A watcher that acknowledges, as a gateway is one. */
async function gateway() {
  const { events, stop } = await watch(url, { acknowledges: true });
  await eventually(() => events.length > 1);
  const { token } = JSON.parse(events[0]?.data ?? '') as { token: string };
  return {
    token,
    stop,
    letGo: (name: string, id: string, revision: number, bearer = token) =>
      callAt(url, `/drained/${name}/${id}`, 'POST', bearer, { revision }),
  };
}

test('leaving waits until every gateway has let go of the instance, which drains meanwhile', async () => {
  const [first, second] = [await gateway(), await gateway()];
  const lease = await enterAt(url, 'leaving');
  let answer: Response | undefined;
  const left = leave(lease).then((response) => {
    answer = response;
  });
  const revision = await drainingRevision('leaving');
  expect((await first.letGo('leaving', lease.instance_id, revision)).status).toBe(204);
  expect(await listed('leaving')).toHaveLength(1);
  expect(answer).toBeUndefined();
  expect((await second.letGo('leaving', lease.instance_id, revision)).status).toBe(204);
  await left;
  expect(answer?.status).toBe(204);
  expect(await listed('leaving')).toEqual([]);
  first.stop();
  second.stop();
});

test('a gateway that goes meanwhile is not waited for, one that comes is', async () => {
  const [staying, going] = [await gateway(), await gateway()];
  const lease = await enterAt(url, 'leaving');
  const left = leave(lease);
  const revision = await drainingRevision('leaving');
  const coming = await gateway();
  await staying.letGo('leaving', lease.instance_id, revision);
  going.stop();
  await eventually(async () => (await (await fetch(`${url}/status`)).json()).acknowledging_watchers === 2);
  expect(await listed('leaving')).toHaveLength(1);
  await coming.letGo('leaving', lease.instance_id, revision);
  expect((await left).status).toBe(204);
  staying.stop();
  coming.stop();
});

test('an instance leaves after its timeout all the same, and is told for whom it has waited', async () => {
  const { stop } = await gateway();
  const lease = await enterAt(url, 'leaving');
  const answer = await leave(lease, '50ms');
  expect(answer.status).toBe(200);
  expect(await answer.json()).toEqual({ drained: false, acknowledged_by: 0, waiting_for: 1 });
  expect(await listed('leaving')).toEqual([]);
  stop();
});

test('where no gateway acknowledges, leaving waits for nothing and says so', async () => {
  const { stop } = await watch(url);
  const answer = await leave(await enterAt(url, 'leaving'), '60s');
  expect(await answer.json()).toEqual({ drained: false, acknowledged_by: 0, waiting_for: 0 });
  stop();
});

test('a caller that goes away leaves an instance that drains and is removed in the end', async () => {
  const { stop } = await gateway();
  const { instance_id: id, lease_secret: secret } = await enterAt(url, 'leaving');
  const caller = new AbortController();
  const left = fetch(`${url}/deregister/${id}?wait=drained&timeout=300ms`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${secret}` },
    signal: caller.signal,
  }).catch(() => 'gone');
  await drainingRevision('leaving');
  caller.abort();
  expect(await left).toBe('gone');
  await eventually(async () => (await listed('leaving')).length === 0);
  stop();
});

test('what was said of an earlier drain does not count for a later one', async () => {
  const { letGo, stop } = await gateway();
  const lease = await enterAt(url, 'returning');
  const { instance_id: id, lease_secret: secret } = lease;
  const beat = (state: string) => callAt(url, `/heartbeat/${id}`, 'POST', secret, { state });
  await beat('draining');
  await letGo('returning', id, await drainingRevision('returning'));
  await beat('up');
  expect(await (await leave(lease, '50ms')).json()).toMatchObject({ drained: false, waiting_for: 1 });
  stop();
});

test('only an open stream of somebody who has the token acknowledges', async () => {
  const { letGo, stop, token } = await gateway();
  const { instance_id: id } = await enterAt(url, 'leaving');
  expect((await letGo('leaving', id, 1, 'guess')).status).toBe(404);
  expect((await callAt(url, `/drained/leaving/${id}`, 'POST', undefined, { revision: 1 })).status).toBe(401);
  stop();
  await eventually(async () => (await letGo('leaving', id, 1, token)).status === 404);

  const guarded = await startRegistry({ token: TOKEN });
  try {
    const open = (bearer?: string) => callAt(guarded.url, '/watch?acknowledges=true', 'GET', bearer);
    expect((await open()).status).toBe(401);
    expect((await open('guess')).status).toBe(401);
    const watching = await open(TOKEN);
    expect(watching.status).toBe(200);
    await watching.body?.cancel();
  } finally {
    await guarded.close();
  }
});
