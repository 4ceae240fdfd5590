import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { parseEnvironment } from '#kit/config/environment';
import { headerLine } from '../http1/field-lines';
import {
  type RawClient,
  rawClient,
  rawUpstream,
  startTestGateway,
  type TestGateway,
} from '../proxy/test-gateway';
import { type CrossOrigin, createCrossOrigin } from './cross-origin';
import { crossOriginFields } from './settings';

const APP = 'https://app.example.com';

const settingsFor = (variables: Record<string, string>) =>
  parseEnvironment(crossOriginFields, variables).values;
const crossOrigin = (variables: Record<string, string>) =>
  createCrossOrigin(settingsFor(variables), {
    allowed: (path) => (path === '/known' || path === '/public' ? ['GET', 'PUT', 'OPTIONS'] : []),
    isPublic: (method, path) => method === 'GET' && path === '/public',
  });

/** An instance with CORS headers of its own. */
const upstream = rawUpstream((received, reply) => {
  if (!received.endsWith('\r\n\r\n')) return;
  reply(
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nVary: Accept\r\nAccess-Control-Allow-Origin: *\r\nConnection: close\r\n\r\nok',
  );
});
const VARIABLES = {
  off: {},
  listed: { CORS_ORIGINS: `${APP}, http://127.0.0.1:3000`, CORS_CREDENTIALS: 'true' },
  open: { CORS_ORIGINS: '*' },
} satisfies Record<string, Record<string, string>>;
const gateways: Record<string, TestGateway> = {};

beforeAll(async () => {
  for (const [name, set] of Object.entries(VARIABLES))
    gateways[name] = await startTestGateway({ instances: [upstream.port], crossOrigin: crossOrigin(set) });
});
afterAll(async () => {
  upstream.stop();
  await Promise.all(Object.values(gateways).map((gateway) => gateway.stop()));
});

async function request(name: string, method: string, target: string, headers: Record<string, string> = {}) {
  const client: RawClient = rawClient(gateways[name]?.port ?? 0);
  const lines = Object.entries(headers).map(([field, value]) => `${field}: ${value}\r\n`);
  client.send(`${method} ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${lines.join('')}\r\n`);
  return client.untilClosed();
}
const preflight = (name: string, origin: string, target = '/known') =>
  request(name, 'OPTIONS', target, { Origin: origin, 'Access-Control-Request-Method': 'PUT' });

describe('with listed origins', () => {
  test('responses allow the origin with credentials, and CORS fields of the instance are dropped', async () => {
    const response = await request('listed', 'GET', '/known', { Origin: APP });
    expect(response.match(/Access-Control-Allow-Origin: .*/g)).toEqual([
      `Access-Control-Allow-Origin: ${APP}`,
    ]);
    expect(response).toContain('Access-Control-Allow-Credentials: true\r\n');
    expect(response).toMatch(/Access-Control-Expose-Headers: .*\bETag\b.*\bRateLimit\b.*\bUpload-Offset\b/);
    expect(response).toContain('Vary: Accept\r\n');
    expect(response).toContain('Vary: Origin\r\n');
  });

  test('other origins get no CORS headers, their requests are forwarded, and responses vary by Origin', async () => {
    for (const headers of [{ Origin: 'https://app.example.com.evil' }, { Origin: 'null' }, {}]) {
      const response = await request('listed', 'GET', '/known', headers);
      expect(response).toStartWith('HTTP/1.1 200 OK');
      expect(response).not.toContain('Access-Control-');
      expect(response).toContain('Vary: Origin\r\n');
    }
  });

  test('a preflight is answered by the gateway with the methods of the path', async () => {
    const before = upstream.connections.length;
    const response = await preflight('listed', APP);
    expect(response).toStartWith('HTTP/1.1 204 No Content');
    expect(response).toContain(`Access-Control-Allow-Origin: ${APP}\r\n`);
    expect(response).toContain('Access-Control-Allow-Methods: GET, PUT, OPTIONS\r\n');
    expect(response).toMatch(/Access-Control-Allow-Headers: Authorization, .*Idempotency-Key.*Upload-Offset/);
    expect(response).toContain('Access-Control-Max-Age: 600\r\n');
    expect(response).not.toContain('Content-Length');
    expect(upstream.connections).toHaveLength(before);
  });

  test('a preflight of an unlisted origin is a regular OPTIONS request', async () => {
    const before = upstream.connections.length;
    expect(await preflight('listed', 'https://elsewhere.example')).not.toContain('Access-Control-');
    expect(await preflight('listed', APP, '/unknown')).not.toContain('Access-Control-Allow-Methods');
    expect(await request('listed', 'OPTIONS', '/known', { Origin: APP })).not.toContain('Allow-Methods');
    expect(upstream.connections).toHaveLength(before + 3);
  });

  test('rejections carry CORS headers', async () => {
    const response = await request('listed', 'POST', '/known', {
      Origin: APP,
      'Content-Length': '999999999',
    });
    expect(response).toStartWith('HTTP/1.1 413');
    expect(response).toContain(`Access-Control-Allow-Origin: ${APP}\r\n`);
  });
});

describe('with any origin allowed', () => {
  test('responses allow any origin, and do not vary', async () => {
    for (const headers of [{ Origin: 'https://anywhere.example' }, {}]) {
      const response = await request('open', 'GET', '/known', headers);
      expect(response.match(/Access-Control-Allow-Origin: .*/g)).toEqual(['Access-Control-Allow-Origin: *']);
      expect(response).not.toContain('Credentials');
      expect(response).not.toContain('Vary: Origin');
    }
    expect(await preflight('open', 'https://anywhere.example')).toContain('Allow-Methods: GET, PUT, OPTIONS');
  });

  test('credentials are not allowed: any page could act on behalf of its visitor', () => {
    expect(() => crossOrigin({ CORS_ORIGINS: '*', CORS_CREDENTIALS: 'true' })).toThrow('CORS_ORIGINS');
  });
});

test('without CORS settings no page may read a response: CORS fields of the instance are dropped', async () => {
  const response = await request('off', 'GET', '/known', { Origin: APP });
  expect(response).toStartWith('HTTP/1.1 200 OK');
  expect(response).not.toContain('Access-Control-');
  expect(response).not.toContain('Vary: Origin');
});

describe.each(['off', 'listed'] as const)('a public route, with CORS %s,', (setting) => {
  const lines = ({ headerLines }: CrossOrigin, isPublic: boolean) =>
    headerLines([headerLine('Origin', APP)], isPublic);
  const cors = () => crossOrigin(VARIABLES[setting]);
  const preflightOf = (method: string, path = '/public') =>
    cors().preflight({
      method: 'OPTIONS',
      target: path,
      httpVersion: '1.1',
      headers: [
        headerLine('Origin', 'https://anywhere.example'),
        headerLine('Access-Control-Request-Method', method),
      ],
    });

  test('is readable for any origin, without credentials', () => {
    expect(lines(cors(), true)).toStartWith('Access-Control-Allow-Origin: *\r\n');
    expect(lines(cors(), true)).not.toMatch(/Credentials|Vary/);
    expect(lines(cors(), false)).not.toContain('Allow-Origin: *');
  });

  test('answers preflights of any origin with its public methods alone', () => {
    expect(preflightOf('GET')).toContain('Access-Control-Allow-Methods: GET\r\n');
    expect(preflightOf('GET')).toContain('Access-Control-Allow-Origin: *\r\n');
    expect(preflightOf('PUT')).toBeNull();
    expect(preflightOf('GET', '/known')).toBeNull();
  });
});

test('responses of a public route are readable over the wire', async () => {
  const gateway = await startTestGateway({
    instances: [upstream.port],
    crossOrigin: crossOrigin(VARIABLES.listed),
    decision: { isPublicToPages: true },
  });
  gateways.public = gateway;
  const response = await request('public', 'GET', '/public', { Origin: 'https://anywhere.example' });
  expect(response.match(/Access-Control-Allow-\w+: .*/g)).toEqual(['Access-Control-Allow-Origin: *']);
});

test('invalid origins are rejected at startup', () => {
  const problemsOf = (origins: string) =>
    parseEnvironment(crossOriginFields, { CORS_ORIGINS: origins }).problems;
  for (const wrong of ['app.example.com', 'https://a.example/', 'https://a.example, *', 'null'])
    expect(problemsOf(wrong)).toHaveLength(1);
  expect(problemsOf('https://a.example, http://b.example:8080')).toEqual([]);
  expect(parseEnvironment(crossOriginFields, { CORS_ALLOWED_HEADERS: 'A, b c' }).problems).toHaveLength(1);
});
