import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import type { Registered, ServiceChange, ServicesSnapshot } from '#contracts/registry';
import { eventually } from '../tests/support/eventually';
import { SHORT_LEASE, startRegistry } from '../tests/support/registry';
import { callAt, enterAt, registration, watch } from './test-calls';

// Some promises are about seconds of silence.
setDefaultTimeout(30_000);

const TOKEN = 'a-token-of-the-tests';
let url: string;
let close: () => Promise<void>;

beforeAll(async () => {
  ({ url, close } = await startRegistry());
});
afterAll(() => close());

const enter = (name: string, more: object = {}, base = url) => enterAt(base, name, more);

const call = (path: string, method: string, bearer?: string, body?: unknown, base = url) =>
  callAt(base, path, method, bearer, body);

describe('a registration', () => {
  test('answers 201 with the lease, and is listed without its secret', async () => {
    const registered = await enter('listed');
    expect(registered.lease).toEqual({ heartbeat_seconds: 5, unhealthy_seconds: 15, removed_seconds: 30 });
    const listing = await (await fetch(`${url}/services/listed`)).text();
    expect(listing).toContain(registered.instance_id);
    expect(listing).not.toContain(registered.lease_secret);
    expect(await (await fetch(`${url}/services`)).text()).not.toContain(registered.lease_secret);
  });

  test('again with the same id and secret renews and updates with 200; with another secret it is 403', async () => {
    const { lease_secret } = await enter('renewed', { instance_id: 'r1' });
    const update = registration('renewed', { instance_id: 'r1', version: '2.0.0' });
    expect((await call('/register', 'POST', lease_secret, update)).status).toBe(200);
    expect(await (await fetch(`${url}/services/renewed`)).json()).toMatchObject({
      instances: [{ version: '2.0.0' }],
    });
    expect((await call('/register', 'POST', 'guess', update)).status).toBe(403);
    expect((await call('/register', 'POST', undefined, update)).status).toBe(403);
  });

  test('of a route another service answers is 409 and names the owner', async () => {
    await enter('owner', { routes: [{ method: 'GET', path: '/owned/:id', auth: 'public' }] });
    const rival = registration('rival', { routes: [{ method: 'GET', path: '/owned/:name', auth: 'user' }] });
    const response = await call('/register', 'POST', undefined, rival);
    expect(response.status).toBe(409);
    expect(await response.json()).toMatchObject({
      code: 'registry.claim-taken',
      detail: 'GET /owned/: belongs to owner.',
    });
  });

  test('that is invalid, on a refused host or too large is refused', async () => {
    const status = async (body: unknown) => (await call('/register', 'POST', undefined, body)).status;
    expect(await status(registration('Upper-Case'))).toBe(422);
    expect(await status(registration('metadata-thief', { host: '169.254.169.254' }))).toBe(422);
    expect(await status(registration('stranger', { host: 'example.com' }))).toBe(422);
    expect(await status(registration('large', { filler: 'x'.repeat(65 * 1024) }))).toBe(413);
  });

  test('needs the token where one is set, while renewing needs only the secret', async () => {
    const guarded = await startRegistry({ token: TOKEN });
    try {
      const body = registration('guarded', { instance_id: 'g1' });
      expect((await call('/register', 'POST', undefined, body, guarded.url)).status).toBe(401);
      expect((await call('/register', 'POST', 'guess', body, guarded.url)).status).toBe(401);
      const response = await call('/register', 'POST', TOKEN, body, guarded.url);
      expect(response.status).toBe(201);
      const { lease_secret } = (await response.json()) as Registered;
      expect((await call('/register', 'POST', lease_secret, body, guarded.url)).status).toBe(200);
      expect((await call('/heartbeat/g1', 'POST', TOKEN, {}, guarded.url)).status).toBe(403);
    } finally {
      await guarded.close();
    }
  });
});

describe('an instance', () => {
  test('is in the hands of whoever holds its secret: its id, another service or the token give no power over it', async () => {
    const guarded = await startRegistry({ token: TOKEN });
    try {
      const enterWith = async (name: string) => {
        const body = registration(name, { instance_id: 'same' });
        const response = await call('/register', 'POST', TOKEN, body, guarded.url);
        expect(response.status).toBe(201);
        return ((await response.json()) as Registered).lease_secret;
      };
      const own = await enterWith('own');
      const foreign = await enterWith('foreign');
      const rename = registration('own', { instance_id: 'same', host: '127.0.0.66' });
      for (const bearer of [foreign, TOKEN, 'guess'])
        expect((await call('/register', 'POST', bearer, rename, guarded.url)).status).toBe(403);
      for (const bearer of [TOKEN, 'guess']) {
        expect(
          (await call('/heartbeat/same', 'POST', bearer, { state: 'draining' }, guarded.url)).status,
        ).toBe(403);
        expect((await call('/deregister/same', 'DELETE', bearer, undefined, guarded.url)).status).toBe(403);
        expect(
          (await call('/deregister/same?wait=drained', 'DELETE', bearer, undefined, guarded.url)).status,
        ).toBe(403);
      }
      // What the foreigner does with the id it shares happens to the foreigner.
      expect(
        (await call('/heartbeat/same', 'POST', foreign, { state: 'draining' }, guarded.url)).status,
      ).toBe(200);
      expect((await call('/deregister/same', 'DELETE', foreign, undefined, guarded.url)).status).toBe(204);
      expect(await (await fetch(`${guarded.url}/services/own`)).json()).toMatchObject({
        instances: [{ instance_id: 'same', host: '127.0.0.1', state: 'up' }],
      });
      expect((await call('/heartbeat/same', 'POST', own, {}, guarded.url)).status).toBe(200);
    } finally {
      await guarded.close();
    }
  });
});

describe('a lease', () => {
  test('is renewed with its secret: 200, 401 without, 403 with another, 404 when unknown', async () => {
    const { instance_id: id, lease_secret: secret } = await enter('beating');
    const beat = await call(`/heartbeat/${id}`, 'POST', secret, { state: 'draining', load: 0.25 });
    expect(beat.status).toBe(200);
    expect(await beat.json()).toMatchObject({ state: 'draining' });
    expect((await call(`/heartbeat/${id}`, 'POST', secret)).status).toBe(200);
    expect((await call(`/heartbeat/${id}`, 'POST')).status).toBe(401);
    expect((await call(`/heartbeat/${id}`, 'POST', 'guess')).status).toBe(403);
    expect((await call('/heartbeat/nobody', 'POST', secret)).status).toBe(404);
  });

  test('ends with 204, and what is left says "all gone" instead of "never seen"', async () => {
    const { instance_id: id, lease_secret: secret } = await enter('leaving');
    expect((await call(`/deregister/${id}`, 'DELETE', 'guess')).status).toBe(403);
    expect((await call(`/deregister/${id}`, 'DELETE', secret)).status).toBe(204);
    expect((await call(`/deregister/${id}`, 'DELETE', secret)).status).toBe(404);
    expect(await (await fetch(`${url}/services/leaving`)).json()).toMatchObject({ instances: [] });
    expect((await fetch(`${url}/services/never-seen`)).status).toBe(404);
  });

  test('that is silent goes through unhealthy to removed, and watchers see both', async () => {
    const short = await startRegistry({ lease: SHORT_LEASE });
    try {
      await enter('silent', {}, short.url);
      const { events, stop } = await watch(short.url);
      await eventually(() => events.filter((event) => event.event === 'change').length === 2);
      stop();
      const [unhealthy, gone] = events.slice(1).map((event) => JSON.parse(event.data) as ServiceChange);
      expect(unhealthy?.instances[0]?.state).toBe('unhealthy');
      expect(gone?.instances).toEqual([]);
    } finally {
      await short.close();
    }
  });
});

describe('a listing', () => {
  test('can be held to one state', async () => {
    await enter('filtered', { instance_id: 'f1', state: 'starting' });
    await enter('filtered', { instance_id: 'f2' });
    const listing = await (await fetch(`${url}/services/filtered?state=up`)).json();
    expect(listing).toMatchObject({ instances: [{ instance_id: 'f2' }] });
    expect((await fetch(`${url}/services/filtered?state=asleep`)).status).toBe(422);
  });

  test('serves Prometheus as targets', async () => {
    await enter('scraped', { port: 5999, zone: 'a' });
    const targets = await (await fetch(`${url}/sd/prometheus`)).json();
    expect(targets).toContainEqual({
      targets: ['127.0.0.1:5999'],
      labels: expect.objectContaining({ job: 'scraped', service: 'scraped', zone: 'a', state: 'up' }),
    });
  });

  test('counts itself in /status', async () => {
    await enter('counted');
    expect(await (await fetch(`${url}/status`)).json()).toMatchObject({
      instances: { up: expect.any(Number) },
      protection: { on: false },
    });
  });
});

test('the document of all this is a valid OpenAPI document', async () => {
  const document = await (await fetch(`${url}/openapi.json`)).json();
  expect(await new Validator().validate(document)).toEqual({ valid: true });
  expect(document.paths['/deregister/{instance_id}'].delete.responses).toContainAllKeys([
    '200',
    '204',
    'default',
  ]);
});

describe('a long poll', () => {
  test('answers when the revision passes the index, at once when it already has, and after its wait', async () => {
    const before = (await (await fetch(`${url}/services`)).json()) as ServicesSnapshot;
    const held = fetch(`${url}/services?index=${before.revision}&wait=30s`);
    await eventually(
      async () => ((await (await fetch(`${url}/status`)).json()) as { watchers: number }).watchers === 1,
    );
    await enter('polled');
    const after = (await (await held).json()) as ServicesSnapshot;
    expect(after.revision).toBe(before.revision + 1);
    expect(after.services.polled).toHaveLength(1);
    const past = await fetch(`${url}/services?index=${before.revision}&wait=30s`);
    expect(await past.json()).toMatchObject({ revision: after.revision });
    const quiet = await fetch(`${url}/services?index=${after.revision}&wait=50ms`);
    expect(await quiet.json()).toMatchObject({ revision: after.revision });
    const otherEpoch = await fetch(`${url}/services?index=${after.revision}&wait=30s&epoch=other`);
    expect(await otherEpoch.json()).toMatchObject({ epoch: after.epoch });
  });
});

describe('a watch', () => {
  test('gives a snapshot and then each change with its revision as id', async () => {
    const { events, stop } = await watch(url);
    await eventually(() => events.length === 1);
    const snapshot = JSON.parse(events[0]?.data ?? '') as ServicesSnapshot;
    expect(events[0]).toMatchObject({ event: 'snapshot', id: `${snapshot.epoch}:${snapshot.revision}` });
    const { instance_id: id, lease_secret: secret } = await enter('watched');
    await eventually(() => events.length === 2);
    await call(`/heartbeat/${id}`, 'POST', secret, { state: 'draining' });
    await eventually(() => events.length === 3);
    await call(`/deregister/${id}`, 'DELETE', secret);
    await eventually(() => events.length === 4);
    stop();
    const changes = events.slice(1).map((event) => JSON.parse(event.data) as ServiceChange);
    expect(changes.map((change) => change.instances.map((instance) => instance.state))).toEqual([
      ['up'],
      ['draining'],
      [],
    ]);
    expect(events.slice(1).map((event) => event.id)).toEqual(
      [1, 2, 3].map((step) => `${snapshot.epoch}:${snapshot.revision + step}`),
    );
  });

  test('resumes after its last event id, and starts anew with an id of another registry', async () => {
    const first = await watch(url);
    await eventually(() => first.events.length === 1);
    first.stop();
    await enter('missed');
    const resumed = await watch(url, { lastEventId: first.events[0]?.id });
    await eventually(() => resumed.events.length === 1);
    resumed.stop();
    expect(resumed.events[0]).toMatchObject({ event: 'change' });
    expect(JSON.parse(resumed.events[0]?.data ?? '')).toMatchObject({ name: 'missed' });
    for (const id of ['another-epoch:1', 'nonsense', ':']) {
      const anew = await watch(url, { lastEventId: id });
      await eventually(() => anew.events.length === 1);
      anew.stop();
      expect(anew.events[0]).toMatchObject({ event: 'snapshot' });
    }
  });

  test('outlives ten quiet seconds, with comments at most 8 s apart', async () => {
    const own = await startRegistry();
    try {
      const quiet = await watch(own.url);
      await eventually(() => quiet.comments.length >= 3, 24_000);
      await enter('after-quiet', {}, own.url);
      await eventually(() => quiet.events.length === 2);
      quiet.stop();
    } finally {
      await own.close();
    }
  });

  test('that has left is forgotten', async () => {
    const watching = async () =>
      ((await (await fetch(`${url}/status`)).json()) as { watchers: number }).watchers;
    await eventually(async () => (await watching()) === 0);
    const left = await watch(url);
    expect(await watching()).toBe(1);
    left.stop();
    await eventually(async () => (await watching()) === 0);
  });
});
