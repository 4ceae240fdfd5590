import { describe, expect, test } from 'bun:test';
import type { Decide } from '../model/decision';
import { gatewayFixture } from './test-fixture';

const { startGateway } = gatewayFixture();

const LONG = 'x'.repeat(5_000);

/** Routes everything below `/auth` to a gRPC method of auth, and the rest to one of users. */
function transcodingTo(calls: string[]): Decide {
  return ({ target }) => ({
    kind: 'transcode',
    service: target.startsWith('/auth') ? 'auth' : 'users',
    route: '/test',
    target,
    prefix: '',
    limits: { bodyBytes: 1_000, requestTimeoutMs: 5_000, tryTimeoutMs: 5_000, hedgeMs: 0 },
    streamsBody: target === '/streamed',
    async respond(request) {
      calls.push(await request.text());
      return Response.json({ text: LONG }, { headers: { etag: '"v1"' } });
    },
  });
}

describe('a transcoded request with a compressed body is 415, and says what is read:', () => {
  test.each(['/buffered', '/streamed'])('%s', async (path) => {
    const calls: string[] = [];
    const gateway = await startGateway({ instances: [], decide: transcodingTo(calls) });
    for (const coding of ['gzip', 'BR', 'identity, deflate']) {
      const body = Bun.gzipSync('{}');
      const headers = { 'content-type': 'application/json', 'content-encoding': coding };
      const response = await fetch(gateway.url + path, { method: 'POST', headers, body });
      expect([response.status, response.headers.get('accept-encoding')]).toEqual([415, 'identity']);
      expect(await response.json()).toMatchObject({
        code: 'request.unsupported-media-type',
        detail: expect.stringContaining('identity'),
      });
    }
    expect(calls).toEqual([]);
    const headers = { 'content-encoding': 'identity' };
    expect((await fetch(gateway.url + path, { method: 'POST', headers, body: 'plain' })).status).toBe(200);
    expect(calls).toEqual(['plain']);
  });
});

test('a transcoded response is compressed, but none of auth', async () => {
  const gateway = await startGateway({ instances: [], decide: transcodingTo([]) });
  const get = (path: string) => fetch(gateway.url + path, { headers: { 'accept-encoding': 'gzip' } });
  const response = await get('/users/ada');
  expect(response.headers.get('content-encoding')).toBe('gzip');
  expect(response.headers.get('etag')).toBe('"v1~gzip"');
  expect(await response.json()).toEqual({ text: LONG });
  const secret = await get('/auth/login');
  expect([secret.headers.get('content-encoding'), secret.headers.get('vary')]).toEqual([null, null]);
  expect(await secret.json()).toEqual({ text: LONG });
});
