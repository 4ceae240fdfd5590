import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import type { Registered, ServiceChange, ServicesSnapshot } from '#contracts/registry';
import { DEVELOPMENT_REGISTRY_TOKEN } from '#kit/config/secrets';
import { registrationCredential } from '#kit/registry/credential';
import { eventually } from '../tests/support/eventually';
import { SHORT_LEASE, startRegistry } from '../tests/support/registry';
import { callAt, registerAt, registration, watch } from './test-calls';

// Some tests wait for leases of whole seconds.
setDefaultTimeout(60_000);

const TOKEN = 'a-token-of-the-tests';
let url: string;
let close: () => Promise<void>;

beforeAll(async () => {
  ({ url, close } = await startRegistry());
});
afterAll(() => close());

const register = (name: string, more: Record<string, unknown> = {}, base = url) =>
  registerAt(base, name, more);

const call = (path: string, method: string, bearer?: string, body?: unknown, base = url) =>
  callAt(base, path, method, bearer, body);

describe('a registration', () => {
  test('returns 201 with the lease, and is listed without its secret', async () => {
    const registered = await register('listed');
    expect(registered.lease).toEqual({ heartbeat_seconds: 5, unhealthy_seconds: 15, removed_seconds: 30 });
    const listing = await (await fetch(`${url}/services/listed`)).text();
    expect(listing).toContain(registered.instance_id);
    expect(listing).not.toContain(registered.lease_secret);
    expect(await (await fetch(`${url}/services`)).text()).not.toContain(registered.lease_secret);
  });

  test('with the same id and secret renews and updates (200); another secret is rejected (403)', async () => {
    const { lease_secret } = await register('renewed', { instance_id: 'r1' });
    const update = registration('renewed', { instance_id: 'r1', version: '2.0.0' });
    expect((await call('/register', 'POST', lease_secret, update)).status).toBe(200);
    expect(await (await fetch(`${url}/services/renewed`)).json()).toMatchObject({
      instances: [{ version: '2.0.0' }],
    });
    const elsewhere = { ...update, port: 80 };
    expect((await call('/register', 'POST', 'guess', elsewhere)).status).toBe(403);
    expect((await call('/register', 'POST', undefined, elsewhere)).status).toBe(403);
  });

  test('of a route claimed by another service is rejected (409) and names the owner', async () => {
    await register('owner', { routes: [{ method: 'GET', path: '/owned/:id', auth: 'public' }] });
    const rival = registration('rival', { routes: [{ method: 'GET', path: '/owned/:name', auth: 'user' }] });
    const response = await call('/register', 'POST', undefined, rival);
    expect(response.status).toBe(409);
    expect(await response.json()).toMatchObject({
      code: 'registry.claim-taken',
      detail: expect.stringMatching(/^GET \/owned\/: overlaps what owner serves\./),
    });
  });

  test('that could take requests of another service, or that is unclear, is rejected in words', async () => {
    await register('people', {
      routes: [
        { method: 'GET', path: '/people/:username', auth: 'public' },
        { method: 'POST', path: '/sign-in', auth: 'public' },
      ],
    });
    const rejectionOf = async (more: Record<string, unknown>) => {
      const response = await call('/register', 'POST', undefined, registration('impostor', more));
      return { status: response.status, ...((await response.json()) as object) };
    };
    const routes = (path: string, method = 'GET', more: object = {}) => ({
      routes: [{ method, path, ...more }],
    });
    expect(await rejectionOf(routes('/people/alice'))).toMatchObject({
      status: 409,
      detail: expect.stringContaining('what people serves'),
    });
    expect(await rejectionOf(routes('/sign-in', 'POST'))).toMatchObject({ status: 409 });
    expect(await rejectionOf(routes('/v1/sign-in', 'POST'))).toMatchObject({
      status: 422,
      errors: [{ field: 'routes.0.path', message: expect.stringContaining('Leave `/v1` out') }],
    });
    expect(await rejectionOf(routes('/birds', 'GET', { acces: 'user' }))).toMatchObject({
      status: 422,
      errors: [{ field: expect.stringContaining('acces') }],
    });
    expect(await rejectionOf({ prots: 1 })).toMatchObject({ status: 422, errors: [{ field: 'prots' }] });
  });

  test('of a name of Rookery, or one that its holder registered with its credential, needs the credential', async () => {
    const statusWith = async (name: string, id: string, bearer?: string) =>
      (await call('/register', 'POST', bearer, registration(name, { instance_id: id }))).status;
    const credentialOf = (name: string) => registrationCredential(DEVELOPMENT_REGISTRY_TOKEN, name);
    expect(await statusWith('console', 'c')).toBe(401);
    expect(await statusWith('console', 'c', credentialOf('console'))).toBe(201);
    expect(await statusWith('held', 'h', credentialOf('held'))).toBe(201);
    expect(await statusWith('held', 'other')).toBe(401);
    expect(await statusWith('held', 'other', credentialOf('free'))).toBe(401);
    expect(await statusWith('free', 'f')).toBe(201);
  });

  test('that is invalid, too large or on a refused host is rejected', async () => {
    const status = async (body: unknown) => (await call('/register', 'POST', undefined, body)).status;
    expect(await status(registration('Upper-Case'))).toBe(422);
    expect(await status(registration('metadata-thief', { host: '169.254.169.254' }))).toBe(422);
    expect(await status(registration('external', { host: 'example.com' }))).toBe(422);
    expect(await status(registration('large', { filler: 'x'.repeat(65 * 1024) }))).toBe(413);
  });

  test('that is too large is rejected (413), also without a Content-Length', async () => {
    const text = JSON.stringify(registration('large', { filler: 'x'.repeat(65 * 1024) }));
    // A stream is sent in chunks.
    const response = await fetch(`${url}/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: new Blob([text]).stream(),
    });
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ code: 'request.too-large' });
  });

  test('needs the credential of its name where one is required; a renewal needs only the secret', async () => {
    const guarded = await startRegistry({ token: TOKEN });
    try {
      const body = registration('guarded', { instance_id: 'g1' });
      expect((await call('/register', 'POST', undefined, body, guarded.url)).status).toBe(401);
      expect((await call('/register', 'POST', 'guess', body, guarded.url)).status).toBe(401);
      // Neither the token that all credentials are derived from, nor the credential of another service.
      for (const bearer of [TOKEN, registrationCredential(TOKEN, 'another')])
        expect((await call('/register', 'POST', bearer, body, guarded.url)).status).toBe(401);
      const credential = registrationCredential(TOKEN, 'guarded');
      const response = await call('/register', 'POST', credential, body, guarded.url);
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
  test('can be changed only with its own secret: neither its id, another service nor the token suffice', async () => {
    const guarded = await startRegistry({ token: TOKEN });
    try {
      const registerWith = async (name: string) => {
        const body = registration(name, { instance_id: 'same' });
        const credential = registrationCredential(TOKEN, name);
        const response = await call('/register', 'POST', credential, body, guarded.url);
        expect(response.status).toBe(201);
        return ((await response.json()) as Registered).lease_secret;
      };
      const own = await registerWith('own');
      const foreign = await registerWith('foreign');
      const rename = registration('own', { instance_id: 'same', host: '127.0.0.66' });
      // The credential of the service registers further instances, but changes none at another address.
      const statusWith = async (bearer: string) =>
        (await call('/register', 'POST', bearer, rename, guarded.url)).status;
      expect(await statusWith(registrationCredential(TOKEN, 'own'))).toBe(403);
      for (const bearer of [foreign, TOKEN, 'guess']) expect(await statusWith(bearer)).toBe(401);
      for (const bearer of [TOKEN, 'guess']) {
        expect(
          (await call('/heartbeat/same', 'POST', bearer, { state: 'draining' }, guarded.url)).status,
        ).toBe(403);
        expect((await call('/deregister/same', 'DELETE', bearer, undefined, guarded.url)).status).toBe(403);
        expect(
          (await call('/deregister/same?wait=drained', 'DELETE', bearer, undefined, guarded.url)).status,
        ).toBe(403);
      }
      // With its own secret the other service changes its own instance of the same id.
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
  test('is renewed with its secret (200); 401 without, 403 with another, 404 when unknown', async () => {
    const { instance_id: id, lease_secret: secret } = await register('beating');
    const heartbeat = await call(`/heartbeat/${id}`, 'POST', secret, { state: 'draining', load: 0.25 });
    expect(heartbeat.status).toBe(200);
    expect(await heartbeat.json()).toMatchObject({ state: 'draining' });
    expect((await call(`/heartbeat/${id}`, 'POST', secret)).status).toBe(200);
    expect((await call(`/heartbeat/${id}`, 'POST')).status).toBe(401);
    expect((await call(`/heartbeat/${id}`, 'POST', 'guess')).status).toBe(403);
    expect((await call('/heartbeat/nobody', 'POST', secret)).status).toBe(404);
  });

  test('ends with 204, and leaves an empty service rather than an unknown one', async () => {
    const { instance_id: id, lease_secret: secret } = await register('leaving');
    expect((await call(`/deregister/${id}`, 'DELETE', 'guess')).status).toBe(403);
    expect((await call(`/deregister/${id}`, 'DELETE', secret)).status).toBe(204);
    expect((await call(`/deregister/${id}`, 'DELETE', secret)).status).toBe(404);
    expect(await (await fetch(`${url}/services/leaving`)).json()).toMatchObject({ instances: [] });
    expect((await fetch(`${url}/services/never-seen`)).status).toBe(404);
  });

  test('without heartbeats turns unhealthy and is removed, and watchers receive both changes', async () => {
    const short = await startRegistry({ lease: SHORT_LEASE });
    try {
      await register('silent', {}, short.url);
      const { events, stop } = await watch(short.url);
      await eventually(() => events.filter((event) => event.event === 'change').length === 2);
      stop();
      const [unhealthy, removed] = events.slice(1).map((event) => JSON.parse(event.data) as ServiceChange);
      expect(unhealthy?.instances[0]?.state).toBe('unhealthy');
      expect(removed?.instances).toEqual([]);
    } finally {
      await short.close();
    }
  });
});

describe('a listing', () => {
  test('can be filtered by state', async () => {
    await register('filtered', { instance_id: 'f1', state: 'starting' });
    await register('filtered', { instance_id: 'f2' });
    const listing = await (await fetch(`${url}/services/filtered?state=up`)).json();
    expect(listing).toMatchObject({ instances: [{ instance_id: 'f2' }] });
    expect((await fetch(`${url}/services/filtered?state=asleep`)).status).toBe(422);
  });

  test('is available as Prometheus scrape targets', async () => {
    await register('scraped', { port: 5999, zone: 'a' });
    const targets = await (await fetch(`${url}/sd/prometheus`)).json();
    expect(targets).toContainEqual({
      targets: ['127.0.0.1:5999'],
      labels: {
        job: 'scraped',
        __meta_rookery_instance_id: expect.any(String),
        __meta_rookery_version: expect.any(String),
        __meta_rookery_state: 'up',
        __meta_rookery_zone: 'a',
      },
    });
  });

  test('is summarized in /status', async () => {
    await register('counted');
    expect(await (await fetch(`${url}/status`)).json()).toMatchObject({
      instances: { up: expect.any(Number) },
      protection: { on: false },
    });
  });
});

test('the OpenAPI document is valid', async () => {
  const document = await (await fetch(`${url}/openapi.json`)).json();
  expect(await new Validator().validate(document)).toEqual({ valid: true });
  expect(document.paths['/deregister/{instance_id}'].delete.responses).toContainAllKeys([
    '200',
    '204',
    '4XX',
    '5XX',
  ]);
});

describe('a long poll', () => {
  test('returns when the revision passes the index, at once when it already has, or after its wait', async () => {
    const before = (await (await fetch(`${url}/services`)).json()) as ServicesSnapshot;
    const pending = fetch(`${url}/services?index=${before.revision}&wait=30s`);
    await eventually(
      async () => ((await (await fetch(`${url}/status`)).json()) as { watchers: number }).watchers === 1,
    );
    await register('polled');
    const after = (await (await pending).json()) as ServicesSnapshot;
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
  test('sends a snapshot and then each change with its revision as event id', async () => {
    const { events, stop } = await watch(url);
    await eventually(() => events.length === 1);
    const snapshot = JSON.parse(events[0]?.data ?? '') as ServicesSnapshot;
    expect(events[0]).toMatchObject({ event: 'snapshot', id: `${snapshot.epoch}:${snapshot.revision}` });
    const { instance_id: id, lease_secret: secret } = await register('watched');
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

  test('resumes after its last event id, and starts with a snapshot for an id of another epoch', async () => {
    const first = await watch(url);
    await eventually(() => first.events.length === 1);
    first.stop();
    await register('missed');
    const resumed = await watch(url, { lastEventId: first.events[0]?.id });
    await eventually(() => resumed.events.length === 1);
    resumed.stop();
    expect(resumed.events[0]).toMatchObject({ event: 'change' });
    expect(JSON.parse(resumed.events[0]?.data ?? '')).toMatchObject({ name: 'missed' });
    for (const id of ['another-epoch:1', 'nonsense', ':']) {
      const restarted = await watch(url, { lastEventId: id });
      await eventually(() => restarted.events.length === 1);
      restarted.stop();
      expect(restarted.events[0]).toMatchObject({ event: 'snapshot' });
    }
  });

  test('stays open for ten idle seconds, with comments at most 8 s apart', async () => {
    const own = await startRegistry();
    try {
      const openedMs = performance.now();
      const idle = await watch(own.url);
      await eventually(() => performance.now() - openedMs > 10_000 && idle.comments.length >= 2);
      await register('after-idle', {}, own.url);
      await eventually(() => idle.events.length === 2);
      idle.stop();
    } finally {
      await own.close();
    }
  });

  test('that has disconnected is removed', async () => {
    const watching = async () =>
      ((await (await fetch(`${url}/status`)).json()) as { watchers: number }).watchers;
    await eventually(async () => (await watching()) === 0);
    const watcher = await watch(url);
    expect(await watching()).toBe(1);
    watcher.stop();
    await eventually(async () => (await watching()) === 0);
  });
});
