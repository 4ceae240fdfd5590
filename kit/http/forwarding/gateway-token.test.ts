import { afterAll, describe, expect, test } from 'bun:test';
import { Elysia } from 'elysia';
import { testRuntime } from '../../../tests/support/servers';
import { createServiceTokens, createServiceTokenVerifier } from '../../auth/service-token';
import { developmentIdentity } from '../../core/identity';
import { readClient } from '../client-address';
import { serveHttp } from '../server';
import { createGatewayRecognition, GATEWAY_TOKEN_FIELD } from './gateway-token';
import { publicUrlOf } from './public-url';

const runtime = testRuntime('forwarding');
const app = new Elysia().get('/', ({ request, server }) => ({
  address: readClient(request, server).address,
  url: publicUrlOf(request),
  names: [...request.headers.keys()],
}));
const start = (recognizeGateway?: ReturnType<typeof createGatewayRecognition>) => {
  const server = serveHttp(runtime, app, {
    hostname: '127.0.0.1',
    port: 0,
    strictPort: true,
    ...(recognizeGateway && { recognizeGateway }),
  });
  runtime.onClose('http', () => server.stop(100));
  return server.port;
};
const verify = createServiceTokenVerifier({ audience: 'birds', identity: runtime.identity });
const service = start(createGatewayRecognition(verify));
const registry = start();
afterAll(() => runtime.close());

const FORWARDED = {
  'x-forwarded-for': '203.0.113.7',
  'x-forwarded-host': 'rookery.example',
  'x-forwarded-proto': 'https',
  'x-forwarded-prefix': '/v1',
};
const OTHERS = {
  forwarded: 'for=203.0.113.7',
  'x-real-ip': '203.0.113.7',
  'x-user-id': '1',
  x_user_id: '1',
  'x-internal-anything': '1',
  'x-original-url': '/admin',
  'x-http-method-override': 'DELETE',
};

const ask = async (port: number, headers: Record<string, string>) => {
  const response = await fetch(`http://127.0.0.1:${port}/`, { headers });
  expect(response.status).toBe(200);
  return (await response.json()) as { address: string; url: string; names: string[] };
};
const tokenOf = (issuer: string, audience: string, privateKey = developmentIdentity(issuer).privateKey) =>
  createServiceTokens({ ...developmentIdentity(issuer), privateKey }).tokenFor(audience);

describe('forwarding fields', () => {
  test('are believed of the gateway, and its token reaches no handler', async () => {
    const token = await tokenOf('gateway', 'birds');
    for (let round = 0; round < 2; round++) {
      const { address, url, names } = await ask(service, { ...FORWARDED, [GATEWAY_TOKEN_FIELD]: token });
      expect([address, url]).toEqual(['203.0.113.7', 'https://rookery.example/v1']);
      expect(names).not.toContain(GATEWAY_TOKEN_FIELD);
    }
  });

  test('are dropped of everybody else, in any spelling, on loopback and private networks too', async () => {
    const tokens = [
      undefined,
      'nonsense',
      await tokenOf('gateway', 'users'),
      await tokenOf('timelines', 'birds'),
      await tokenOf('gateway', 'birds', developmentIdentity('timelines').privateKey),
    ];
    for (const token of tokens) {
      const headers = { ...FORWARDED, ...OTHERS, ...(token && { [GATEWAY_TOKEN_FIELD]: token }) };
      const { address, url, names } = await ask(service, headers);
      expect([address, url]).toEqual(['127.0.0.1', `http://127.0.0.1:${service}`]);
      const claimed = [...Object.keys(FORWARDED), ...Object.keys(OTHERS), GATEWAY_TOKEN_FIELD];
      expect(names.filter((name) => claimed.includes(name))).toEqual([]);
    }
  });

  test('are dropped by a server that no gateway is in front of', async () => {
    const token = await tokenOf('gateway', 'birds');
    const { address } = await ask(registry, { ...FORWARDED, [GATEWAY_TOKEN_FIELD]: token });
    expect(address).toBe('127.0.0.1');
  });
});

test('a recognized token is verified again after seconds, and one that has expired is not recognized', async () => {
  let nowMs = 0;
  let verified = 0;
  let isValid = true;
  const recognize = createGatewayRecognition(
    async () => {
      verified++;
      return isValid ? 'gateway' : 'somebody';
    },
    () => nowMs,
  );
  expect([await recognize('token'), recognize('token'), verified]).toEqual([true, true, 1]);
  nowMs += 60_000;
  isValid = false;
  expect([await recognize('token'), await recognize('token'), verified]).toEqual([false, false, 3]);
});
