import { describe, expect, test } from 'bun:test';
import { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import { createGrpcClient } from '#kit/grpc/client';
import { testRuntime } from '../../tests/support/servers';
import type { Decide, TranscodeDecision } from '../model/decision';
import { UpstreamBadResponse } from '../model/problems';
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

test('the failed call behind a transcoded response is explained, but not to the client', async () => {
  const runtime = testRuntime('gateway');
  // Nothing listens at the discard port.
  const registry = {
    instances: () => [{ host: '127.0.0.1', grpc_port: 9, state: 'up' as const }],
    onChange: () => () => undefined,
  };
  const users = createGrpcClient(runtime, {
    service: 'users',
    definition: UsersServiceDefinition,
    registry,
  });
  const decide: Decide = (head) => ({
    ...(transcodingTo([])(head) as TranscodeDecision),
    async respond() {
      try {
        return Response.json(await users.getUserByUsername({ username: 'ada' }));
      } catch (failure) {
        throw new UpstreamBadResponse({ cause: failure });
      }
    },
  });
  const gateway = await startGateway({ instances: [], decide });
  const response = await fetch(`${gateway.url}/users/ada`);
  expect([response.status, await response.text()]).toEqual([502, expect.not.stringContaining('UNAVAILABLE')]);
  const id = response.headers.get('x-request-id') ?? '';
  expect(gateway.recent.explain(id).requests).toMatchObject([
    { status: 502, failure: 'The gRPC call ended with UNAVAILABLE', tries: [] },
  ]);
  await runtime.close();
});
