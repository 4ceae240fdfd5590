import { afterAll, beforeAll, expect, test } from 'bun:test';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { createCertificate, type TestCertificate } from '../tests/support/certificate';
import { type StartedProcess, startProcess } from '../tests/support/processes';
import { type RawResponse, readResponses } from '../tests/support/raw-http';

/** Every path the gateway answers itself. */
const PAGES = [
  ...['/', '/health', '/healthz', '/readyz', '/metrics', '/openapi.json'],
  ...['/docs', '/docs/json', '/docs/assets/swagger-ui.css', '/routes', '/explain/some-request'],
];
/** On Linux all of 127.0.0.0/8 is loopback: a client of this address is a trusted proxy. */
const PROXY = '127.0.0.2';

/** A way to reach the gateway: the scheme, the client's address, and what it says about the scheme. */
interface WayIn {
  readonly scheme?: 'https';
  readonly from?: string;
  readonly field?: string;
}

const WAYS_IN: Record<string, WayIn> = {
  'plain http': {},
  TLS: { scheme: 'https' },
  'an untrusted client that claims https': { field: 'X-Forwarded-Proto: https' },
  'a trusted proxy without a scheme': { from: PROXY },
  ...Object.fromEntries(
    ['http', 'https', 'HTTPS', 'Https', 'wss', 'spdy', 'http, https'].map((scheme) => [
      `X-Forwarded-Proto: ${scheme}`,
      { from: PROXY, field: `X-Forwarded-Proto: ${scheme}` },
    ]),
  ),
  ...Object.fromEntries(
    ['proto=https', 'for=192.0.2.1;Proto="HTTPS";host=example.com', 'proto=http, proto=Https'].map(
      (value) => [`Forwarded: ${value}`, { from: PROXY, field: `Forwarded: ${value}` }],
    ),
  ),
};

let certificate: TestCertificate;
let registry: StartedProcess;
let plain: StartedProcess;
let secure: StartedProcess;

beforeAll(async () => {
  certificate = await createCertificate('gateway.example');
  registry = await startProcess('registry/main.ts', {});
  // The client of one of the ways in, as its proxy says.
  const METRICS_ALLOWED = '127.0.0.0/8,192.0.2.1';
  const environment = { REGISTRY_URL: registry.url, TRUSTED_PROXIES: PROXY, METRICS_ALLOWED };
  const { certPath: TLS_CERT, keyPath: TLS_KEY } = certificate;
  [plain, secure] = await Promise.all([
    startProcess('gateway/main.ts', environment),
    startProcess('gateway/main.ts', { ...environment, TLS_CERT, TLS_KEY }),
  ]);
}, 30_000);

afterAll(async () => {
  await Promise.all([plain?.stop(), secure?.stop()]);
  await registry?.stop();
  certificate?.remove();
}, 30_000);

const METHODS = ['GET', 'HEAD', 'OPTIONS', 'POST', 'BREW'];

/** A page as it is, with a trailing slash, and below the version, the gateway's name, and both. */
function pathsOf(page: string): string[] {
  const below = ['', '/v1', '/gateway', '/v1/gateway'].map((prefix) => prefix + page);
  return page === '/'
    ? [...below, '/v1', '/gateway', '/v1/gateway']
    : [...below, ...below.map((path) => `${path}/`)];
}

/** Sends requests on one connection, one after the other, and reads all responses. */
async function send(
  way: WayIn,
  requests: readonly { method: string; path: string }[],
): Promise<RawResponse[]> {
  const { port } = new URL((way.scheme === 'https' ? secure : plain).url);
  const to = { port: Number(port), host: '127.0.0.1', localAddress: way.from };
  const socket = way.scheme === 'https' ? connectTls({ ...to, rejectUnauthorized: false }) : connect(to);
  const parts: Buffer[] = [];
  socket.on('data', (bytes: Buffer) => parts.push(bytes));
  const ended = new Promise((resolve, reject) => {
    socket.on('end', resolve);
    socket.on('error', reject);
  });
  for (const [index, { method, path }] of requests.entries()) {
    const connection = index === requests.length - 1 ? 'Connection: close\r\n' : '';
    const field = way.field === undefined ? '' : `${way.field}\r\n`;
    socket.write(`${method} ${path} HTTP/1.1\r\nHost: gateway.example\r\n${field}${connection}\r\n`);
  }
  await ended;
  socket.destroy();
  const methods = requests.map(({ method }) => method);
  return readResponses(Buffer.concat(parts).toString('latin1'), methods, true);
}

const NO_RESPONSE: RawResponse = { status: 0, headers: new Map(), body: '' };

test('the table has every page: those linked from the start page are in it', async () => {
  const [response = NO_RESPONSE] = await send({}, [{ method: 'GET', path: '/' }]);
  const { links } = JSON.parse(response.body);
  const listed = Object.values<string>(links).map((link) => link.replace('{request_id}', 'some-request'));
  expect(listed.filter((path) => !PAGES.includes(path))).toEqual([]);
});

for (const [name, way] of Object.entries(WAYS_IN))
  test(`own pages answer alike over ${name}, at every path, and only with the methods they have`, async () => {
    for (const page of PAGES) {
      const requests = pathsOf(page).flatMap((path) => METHODS.map((method) => ({ method, path })));
      const [[expected = NO_RESPONSE], responses] = await Promise.all([
        send({}, [{ method: 'GET', path: page }]),
        send(way, requests),
      ]);
      expect([200, 308, 401]).toContain(expected.status);
      const contentType = expected.headers.get('content-type');
      const answers = responses.map(({ status, headers }, index) => ({
        ...requests[index],
        status,
        allow: headers.get('allow'),
        contentType: status === expected.status ? headers.get('content-type') : undefined,
      }));
      expect(answers).toEqual(
        requests.map((request) => ({
          ...request,
          status: { OPTIONS: 204, POST: 405, BREW: 501 }[request.method] ?? expected.status,
          allow: ['OPTIONS', 'POST'].includes(request.method) ? 'GET, HEAD, OPTIONS' : undefined,
          contentType: ['GET', 'HEAD'].includes(request.method) ? contentType : undefined,
        })),
      );
    }
  }, 30_000);
