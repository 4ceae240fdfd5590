import { afterAll, beforeEach, describe, expect, test } from 'bun:test';
import { VideoServiceDefinition } from '#contracts/gen/video/v1/video';
import { uuidv7 } from '#kit/core/ids';
import { createRuntime } from '#kit/core/runtime';
import { startGrpcServer } from '#kit/grpc/server';
import { routeClaims } from '#kit/http/route-claims';
import { callerOf } from '../../tests/support/call';
import { permittedClient } from '../../tests/support/permitted-client';
import { testRuntime } from '../../tests/support/servers';
import { testTokens } from '../../tests/support/tokens';
import { video } from '.';
import { createCatalogue } from './catalogue';
import { videoGrpc } from './grpc';

const NO_FAILURES = { latency_ms: 0, error_percent: 0 };

const runtime = testRuntime('video');
const tokens = await testTokens();
const catalogue = createCatalogue();
const deps = { runtime, catalogue, failures: NO_FAILURES, tokens: tokens.verifier };
const call = callerOf(video(deps));
const grpc = await startGrpcServer(runtime, {
  host: '127.0.0.1',
  port: 0,
  services: [videoGrpc(deps)],
  audience: 'video',
});
const address = { host: '127.0.0.1', grpc_port: grpc.port, state: 'up' as const };
const client = permittedClient(runtime, {
  service: 'video',
  definition: VideoServiceDefinition,
  registry: { instances: () => [address], onChange: () => () => undefined },
});
const user = await tokens.authorization({ id: uuidv7(), username: 'ada' });
const operator = await tokens.authorization({ id: uuidv7(), username: 'operator' }, ['videos:disturb']);

beforeEach(() => {
  deps.failures = NO_FAILURES;
});
afterAll(() => runtime.close());

const [newest, second] = catalogue.videos;
if (newest === undefined || second === undefined) throw new Error('the catalogue is empty');

describe('the catalogue', () => {
  test('is deterministic, with unique titles and ids', () => {
    expect(createCatalogue().videos).toEqual(catalogue.videos);
    expect(catalogue.videos.length).toBeGreaterThanOrEqual(300);
    for (const field of ['id', 'title'] as const)
      expect(new Set(catalogue.videos.map((each) => each[field])).size).toBe(catalogue.videos.length);
  });

  test('has no placeholder left in a text, and unique publication times', () => {
    for (const { title, description } of catalogue.videos)
      expect(`${title} ${description}`).not.toMatch(/[{}]/);
    const times = catalogue.videos.map((each) => each.published_at);
    expect(times).toEqual([...new Set(times)].toSorted().toReversed());
  });
});

describe('reading', () => {
  test('paginates through all videos, newest first, without duplicates', async () => {
    const seen: unknown[] = [];
    let path = '/videos?limit=100';
    for (;;) {
      const { body, headers } = await call('GET', path);
      seen.push(...(body.items as { id: string }[]).map((item) => item.id));
      if (body.next_cursor === null) break;
      expect(headers.get('link')).toContain('rel="next"');
      path = `/videos?limit=100&cursor=${body.next_cursor}`;
    }
    expect(seen).toEqual(catalogue.videos.map((each) => each.id));
  });

  test('searches by words in any case and order', async () => {
    const words = encodeURIComponent(newest.title.toUpperCase().split(' ').toReversed().join('  '));
    const { body } = await call('GET', `/videos?query=${words}`);
    expect((body.items as { id: string }[]).map((item) => item.id)).toContain(newest.id);
    const place = catalogue.videos.find(({ title }) => title !== title.normalize('NFD'));
    const decomposed = encodeURIComponent(String(place?.title.normalize('NFD')));
    const found = (await call('GET', `/videos?query=${decomposed}`)).body.items as { id: string }[];
    expect(found.map((item) => item.id)).toContain(String(place?.id));
    expect((await call('GET', '/videos?query=qqqqzzzz')).body).toEqual({ items: [], next_cursor: null });
  });

  test('returns a video by id, or 404', async () => {
    expect((await call('GET', `/videos/${newest.id}`)).body).toEqual({ ...newest });
    expect((await call('GET', `/videos/${uuidv7()}`)).body).toMatchObject({
      status: 404,
      code: 'video.not-found',
    });
  });

  test('looks up several ids: existing videos in request order without duplicates, and the unknown ids', async () => {
    const ids = [second.id, 'unknown', newest.id, second.id];
    const { body } = await call('POST', '/videos/lookup', { body: { ids } });
    expect(body).toEqual({ items: [second, newest], unknown_ids: ['unknown'] });
    const { videos } = await client.lookupVideos({ ids });
    expect(videos.map((each) => each.title)).toEqual([second.title, newest.title]);
  });

  test.each([
    ['a limit of zero', 'GET', '/videos?limit=0', undefined],
    ['a limit above the maximum', 'GET', '/videos?limit=101', undefined],
    ['a limit with an exponent', 'GET', '/videos?limit=1e1', undefined],
    ['a limit in hexadecimal digits', 'GET', '/videos?limit=0x10', undefined],
    ['a limit with a sign', 'GET', '/videos?limit=%2B5', undefined],
    ['a limit with a blank', 'GET', '/videos?limit=%205', undefined],
    ['a limit in digits of another script', 'GET', `/videos?limit=${encodeURIComponent('٥')}`, undefined],
    ['a query with a control character', 'GET', '/videos?query=a%00b', undefined],
    ['an invalid cursor', 'GET', '/videos?cursor=invalid', undefined],
    ['a query that is too long', 'GET', `/videos?query=${'a'.repeat(101)}`, undefined],
    ['no ids', 'POST', '/videos/lookup', {}],
    ['ids that are not an array', 'POST', '/videos/lookup', { ids: 'all' }],
    ['an empty id', 'POST', '/videos/lookup', { ids: [''] }],
    ['too many ids', 'POST', '/videos/lookup', { ids: Array.from({ length: 101 }, () => newest.id) }],
  ])('rejects %s', async (_case, method, path, body) => {
    expect((await call(method, path, { body })).status).toBe(path.includes('cursor') ? 400 : 422);
  });

  test('rejects more than 100 ids over gRPC as well', async () => {
    const ids = Array.from({ length: 101 }, () => newest.id);
    await expect(client.lookupVideos({ ids })).rejects.toMatchObject({ status: 422 });
  });
});

describe('the failure simulation', () => {
  test('is set with permission, affects every response, and can be turned off', async () => {
    const path = '/videos/failures';
    expect((await call('GET', path)).status).toBe(401);
    expect((await call('PUT', path, { body: NO_FAILURES, authorization: user })).status).toBe(403);
    const failing = { latency_ms: 1, error_percent: 100 };
    expect((await call('PUT', path, { body: failing, authorization: operator })).body).toEqual(failing);
    for (const [method, target] of [
      ['GET', '/videos'],
      ['GET', `/videos/${newest.id}`],
      ['POST', '/videos/lookup'],
    ] as const) {
      const body = method === 'POST' ? { ids: [newest.id] } : undefined;
      expect((await call(method, target, { body })).body).toMatchObject({
        status: 503,
        code: 'video.told-to-fail',
      });
    }
    await expect(client.lookupVideos({ ids: [newest.id] })).rejects.toMatchObject({
      code: 'video.told-to-fail',
    });
    expect((await call('GET', '/healthz')).status).toBe(200);
    await call('PUT', path, { body: NO_FAILURES, authorization: operator });
    expect((await call('GET', `/videos/${newest.id}`)).status).toBe(200);
  });

  test.each([
    ['a fraction', { latency_ms: 0.5, error_percent: 0 }],
    ['a negative number', { latency_ms: -1, error_percent: 0 }],
    ['more than everything', { latency_ms: 0, error_percent: 101 }],
    ['text', { latency_ms: '1e3', error_percent: 0 }],
    ['null', { latency_ms: null, error_percent: 0 }],
    ['a switch missing', { latency_ms: 1 }],
  ])('is not set to %s', async (_case, body) => {
    expect((await call('PUT', '/videos/failures', { body, authorization: operator })).status).toBe(422);
    expect(deps.failures).toEqual(NO_FAILURES);
  });

  test('makes calls exceed their deadline', async () => {
    deps.failures = { latency_ms: 60_000, error_percent: 0 };
    await expect(client.lookupVideos({ ids: [newest.id] }, { deadlineMs: 50 })).rejects.toMatchObject({
      status: 504,
    });
  });

  test('is not available in production', async () => {
    const production = createRuntime({ name: 'video', version: 'test', log: runtime.log, production: true });
    const app = video({ ...deps, runtime: production });
    expect(routeClaims(app).map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /videos',
      'GET /videos/:id',
      'POST /videos/lookup',
    ]);
    const inProduction = callerOf(app);
    expect(
      (await inProduction('PUT', '/videos/failures', { body: NO_FAILURES, authorization: operator })).status,
    ).toBe(405);
    await production.close();
  });
});
