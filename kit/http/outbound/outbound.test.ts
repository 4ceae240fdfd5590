import { afterAll, describe, expect, test } from 'bun:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { addressRanges } from '../../core/address-ranges';
import { isPublicAddress } from './addresses';
import { createOutboundClient, type OutboundOptions, type OutboundRequest } from './client';
import { OutboundFailure } from './target';

const JSON_TYPE = 'application/json';
const received: { path: string; headers: Record<string, string> }[] = [];
let insideRequests = 0;

/** A public server, as far as these tests are concerned. */
const outside = Bun.serve({
  hostname: '127.0.0.2',
  port: 0,
  fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    received.push({ path: pathname, headers: Object.fromEntries(request.headers) });
    const to = searchParams.get('to');
    if (to !== null) return new Response(null, { status: 302, headers: { location: to } });
    if (pathname === '/silent') return new Promise<Response>(() => undefined);
    if (pathname === '/slow')
      return new Response(new ReadableStream({ start: (stream) => stream.enqueue(new Uint8Array([123])) }), {
        headers: { 'content-type': JSON_TYPE },
      });
    if (pathname === '/bomb')
      return new Response(gzipSync(Buffer.alloc(5_000_000)), {
        headers: { 'content-type': JSON_TYPE, 'content-encoding': 'gzip' },
      });
    if (pathname === '/large')
      return new Response(new ReadableStream({ pull: (stream) => stream.enqueue(new Uint8Array(10_000)) }), {
        headers: { 'content-type': JSON_TYPE },
      });
    if (pathname === '/page') return new Response('<p>', { headers: { 'content-type': 'text/html' } });
    return Response.json({ host: request.headers.get('host') });
  },
});
/** A server inside, on the same port. */
const inside = Bun.serve({
  hostname: '127.0.0.1',
  port: outside.port ?? 0,
  fetch() {
    insideRequests++;
    return Response.json({ secret: 'inside' });
  },
});
const port = outside.port ?? 0;
afterAll(() => Promise.all([outside.stop(true), inside.stop(true)]));

/** Names resolve to the address of `outside`, which stands for a public one. */
const clientWith = (options: Partial<OutboundOptions> = {}) =>
  createOutboundClient({
    version: 'test',
    ports: [port, 80, 443],
    allowedRanges: ['127.0.0.2/32'],
    resolve: async () => ['127.0.0.2'],
    ...options,
  });
const client = clientWith();
const read = (url: string, request: Partial<OutboundRequest> = {}, by = client) =>
  by.request(url, { mediaTypes: [JSON_TYPE], maxBytes: 1_000_000, ...request });
const at = (name: string, path = '/') => `http://${name}:${port}${path}`;

/** The reason of a failure. */
const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => 'succeeded',
    (failure: unknown) => (failure instanceof OutboundFailure ? failure.reason : String(failure)),
  );

describe('addresses that are not public are refused', () => {
  const PRIVATE = [
    ...['0.0.0.0', '10.1.2.3', '100.64.0.1', '100.100.100.200', '127.0.0.1', '127.255.255.254'],
    ...['169.254.169.254', '172.16.0.1', '172.31.255.255', '192.0.0.192', '192.0.2.1', '192.88.99.1'],
    ...['192.168.0.1', '198.18.0.1', '198.51.100.1', '203.0.113.1', '224.0.0.1', '240.0.0.1'],
    ...['255.255.255.255', '168.63.129.16', '::', '::1', '::127.0.0.1', '::ffff:127.0.0.1', '::ffff:8.8.8.8'],
    ...['64:ff9b::7f00:1', '64:ff9b:1::1', '100::1', '2001::1', '2001:2::1', '2001:db8::1', '2002:7f00:1::1'],
    ...['3fff::1', '5f00::1', 'fc00::1', 'fd00:ec2::254', 'fe80::1', 'fec0::1', 'ff02::1'],
  ];
  test.each(PRIVATE)('%s', (address) => expect(isPublicAddress(address)).toBe(false));

  test.each(['8.8.8.8', '1.1.1.1', '93.184.216.34', '2606:4700:4700::1111', '2a00:1450::1'])(
    'but not %s',
    (address) => expect(isPublicAddress(address)).toBe(true),
  );

  test('any address of the private ranges of RFC 1918, whatever its digits', () => {
    const isPrivate = addressRanges(['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '127.0.0.0/8']);
    fc.assert(
      fc.property(fc.ipV4(), (address) => !(isPrivate(address) && isPublicAddress(address))),
      { numRuns: 1_000 },
    );
  });
});

describe('a URL', () => {
  const unresolvable = clientWith({ resolve: () => Promise.reject(new Error('was resolved')) });

  test.each([
    ...['http://2130706433/', 'http://0x7f.1/', 'http://127.1/', 'http://0177.0.0.1/', 'http://127.0.0.1./'],
    ...['http://[::ffff:127.0.0.1]/', 'http://[::1]/', 'http://127。0。0。1/', 'http://①②⑦.0.0.1/'],
    ...['http://localhost/', 'http://localhost./', 'http://LOCALHOST/', 'http://a.localhost/'],
    ...['http://metadata/', 'http://metadata.google.internal/', 'http://metadata.google.internal./'],
    ...[
      'http://printer.local/',
      'http://users.internal/',
      'http://[fd00:ec2::254]/',
      'http://169.254.169.254/',
    ],
  ])('%s leads to no public server', async (url) => {
    expect(await failureOf(read(url, {}, unresolvable))).toBe('refused-address');
  });

  test.each([
    ...[
      'ftp://a.example/',
      'file:///etc/passwd',
      'javascript:alert(1)',
      'data:text/html,x',
      'gopher://a.example/',
    ],
    ...['http://user@a.example/', 'http://user:pass@a.example/', 'http://@a.example/', 'http:///a.example'],
    ...[
      'http://a.example:22/',
      'http://a.example:8080/',
      'https://a.example:80000/',
      'http://a.example\\@b.example/',
    ],
    ...[
      '',
      ' ',
      'http:// a.example/',
      'http://a.example/\n',
      'http://a\u200b.example/',
      '//a.example/',
      'a.example',
    ],
  ])('%p is refused', async (url) => {
    expect(await failureOf(read(url, {}, unresolvable))).toBe('refused-url');
  });

  test('is refused when any of its addresses is not public, and when it has none', async () => {
    const mixed = clientWith({ resolve: async () => ['127.0.0.2', '10.0.0.1'] });
    expect(await failureOf(read(at('a.example'), {}, mixed))).toBe('refused-address');
    expect(await failureOf(read(at('a.example'), {}, clientWith({ resolve: async () => [] })))).toBe(
      'unresolved',
    );
    expect(await failureOf(read(at('a.example'), {}, unresolvable))).toBe('unresolved');
    expect(received).toEqual([]);
  });
});

describe('a request', () => {
  test('connects to the address that was checked, although the name leads elsewhere a moment later', async () => {
    const answers = [['127.0.0.2'], ['127.0.0.1'], ['127.0.0.1']];
    const rebinding = clientWith({ resolve: async () => answers.shift() ?? [] });
    const { status, body } = await read(at('a.example'), {}, rebinding);
    expect([status, JSON.parse(Buffer.from(body).toString())]).toEqual([200, { host: `a.example:${port}` }]);
    expect([answers.length, insideRequests]).toEqual([2, 0]);
    expect(await failureOf(read(at('a.example'), {}, rebinding))).toBe('refused-address');
    expect(insideRequests).toBe(0);
  });

  test('carries nothing of ours', async () => {
    received.length = 0;
    await read(at('a.example.'), { headers: { 'x-signature': '1' } });
    expect(Object.keys(received[0]?.headers ?? {}).sort()).toEqual(
      ['accept', 'accept-encoding', 'connection', 'host', 'user-agent', 'x-signature'].sort(),
    );
    expect(received[0]?.headers).toMatchObject({ host: `a.example:${port}`, 'user-agent': 'Rookery/test' });
  });

  test('follows few redirects, each checked, and takes its fields to no other server', async () => {
    const through = (...urls: string[]) =>
      urls.reduceRight((to, url) => `${url}?to=${encodeURIComponent(to)}`, at('last.example'));
    received.length = 0;
    const found = await read(through(at('a.example'), at('b.example')), { headers: { 'x-key': '1' } });
    expect([found.status, found.url]).toEqual([200, at('last.example')]);
    expect(received.map(({ headers }) => headers['x-key'])).toEqual(['1', undefined, undefined]);
    const many = Array.from({ length: 4 }, (_, number) => at(`host-${number}.example`));
    expect(await failureOf(read(through(...many)))).toBe('too-many-redirects');
    for (const to of [at('127.0.0.1'), at('localhost'), 'http://169.254.169.254/', at('[::1]')])
      expect(await failureOf(read(`${at('a.example')}?to=${encodeURIComponent(to)}`))).toBe(
        'refused-address',
      );
    for (const to of ['file:///etc/passwd', 'http://a.example:22/', 'http://user@a.example/'])
      expect(await failureOf(read(`${at('a.example')}?to=${encodeURIComponent(to)}`))).toBe('refused-url');
    expect(insideRequests).toBe(0);
    const posted = await client.request(`${at('a.example')}?to=${at('b.example')}`, {
      method: 'POST',
      body: new Uint8Array([1]),
      mediaTypes: [],
      maxBytes: 0,
    });
    expect(posted.status).toBe(302);
  });

  test('is bounded in bytes, before and after decompression, in time, and in media types', async () => {
    expect(await failureOf(read(at('a.example', '/bomb')))).toBe('too-large');
    expect(await failureOf(read(at('a.example', '/large')))).toBe('too-large');
    expect(await failureOf(read(at('a.example'), { maxBytes: 3 }))).toBe('too-large');
    expect(await failureOf(read(at('a.example', '/page')))).toBe('refused-media-type');
    for (const path of ['/silent', '/slow'])
      expect(await failureOf(read(at('a.example', path), { timeoutMs: 200 }))).toBe('timeout');
    const stuck = clientWith({ resolve: () => new Promise(() => undefined) });
    expect(await failureOf(read(at('a.example'), { timeoutMs: 50 }, stuck))).toBe('timeout');
  });

  test('follows no redirect where it is told not to', async () => {
    received.length = 0;
    const to = encodeURIComponent(at('b.example'));
    const request = { followsRedirects: false, mediaTypes: [] };
    expect((await read(`${at('a.example')}?to=${to}`, request)).status).toBe(302);
    expect(received).toHaveLength(1);
  });

  test('over HTTPS verifies the name, not the address, and is not redirected to plain HTTP', async () => {
    const { certificate, key } = await certificateFor('a.example');
    const secure = Bun.serve({
      hostname: '127.0.0.2',
      port: 0,
      tls: { cert: certificate, key },
      fetch: (request) =>
        request.url.includes('down')
          ? new Response(null, { status: 301, headers: { location: at('b.example') } })
          : Response.json({}),
    });
    const trusting = clientWith({ ports: [port, secure.port ?? 0], authorities: certificate });
    const url = (name: string, path = '/') => `https://${name}:${secure.port}${path}`;
    expect((await read(url('a.example'), {}, trusting)).status).toBe(200);
    expect(await failureOf(read(url('b.example'), {}, trusting))).toBe('unreachable');
    expect(await failureOf(read(url('a.example', '/down'), {}, trusting))).toBe('refused-url');
    expect(await failureOf(read(at('a.example'), { secureOnly: true }, trusting))).toBe('refused-url');
    await secure.stop(true);
  });
});

/** A self-signed certificate for a name. */
async function certificateFor(name: string) {
  const command = `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=${name} -addext subjectAltName=DNS:${name} -keyout - -out -`;
  const text = await new Response(Bun.spawn(command.split(' '), { stderr: 'ignore' }).stdout).text();
  const end = text.indexOf('-----BEGIN CERTIFICATE');
  return { key: text.slice(0, end), certificate: text.slice(end) };
}
