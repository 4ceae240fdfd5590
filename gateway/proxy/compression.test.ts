import { describe, expect, test } from 'bun:test';
import { randomBytes } from 'node:crypto';
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { Registry } from 'prom-client';
import { rawConnection } from '../../tests/support/raw-http';
import { createResponseCache } from '../admission/response-cache';
import { gatewayFixture } from './test-fixture';
import { eventually, rawClient, type TestSetup } from './test-gateway';

const { startGateway, startUpstream, stopAfter } = gatewayFixture();

const TEXT = JSON.stringify(Array.from({ length: 100 }, (_, id) => ({ id, text: 'words that repeat' })));
const LARGE = TEXT.repeat(40);
const JSON_TYPE = 'Content-Type: application/json\r\n';

const DECODERS: Record<string, (bytes: Buffer) => Buffer> = {
  gzip: gunzipSync,
  br: brotliDecompressSync,
  zstd: zstdDecompressSync,
};

/** An instance that sends these header lines and this body, with a length or in chunks. */
async function gatewayTo(
  body: string,
  lines = JSON_TYPE,
  setup: Partial<TestSetup> & { chunked?: boolean } = {},
) {
  const head = `HTTP/1.1 ${lines.startsWith('HTTP:') ? lines.slice(5, lines.indexOf('\r\n')) : '200 OK'}\r\n`;
  const fields = lines.startsWith('HTTP:') ? lines.slice(lines.indexOf('\r\n') + 2) : lines;
  const upstream = startUpstream((received, reply) => {
    if (!received.endsWith('\r\n\r\n')) return;
    const isHead = received.slice(0, -4).split('\r\n\r\n').at(-1)?.startsWith('HEAD') === true;
    const framing = setup.chunked ? 'Transfer-Encoding: chunked\r\n' : `Content-Length: ${body.length}\r\n`;
    const sent = setup.chunked ? `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n` : body;
    reply(`${head}${fields}${framing}\r\n${isHead ? '' : sent}`);
  });
  const gateway = await startGateway({ instances: [upstream.port], ...setup });
  return { upstream, gateway };
}

async function get(
  port: number,
  acceptEncoding: string | null,
  options: { method?: string; path?: string; lines?: string } = {},
) {
  const { method = 'GET', path = '/', lines = '' } = options;
  const connection = rawConnection(port, [method]);
  stopAfter(connection.end);
  const accept = acceptEncoding === null ? '' : `Accept-Encoding: ${acceptEncoding}\r\n`;
  connection.send(`${method} ${path} HTTP/1.1\r\nHost: a\r\n${accept}${lines}\r\n`);
  const [response] = await connection.responses((all) => all.length === 1);
  if (response === undefined) throw new Error(`No response: ${connection.text()}`);
  const coding = response.headers.get('content-encoding');
  const bytes = Buffer.from(response.body, 'latin1');
  const decode = coding === undefined || bytes.length === 0 ? undefined : DECODERS[coding];
  const text = (decode === undefined ? bytes : decode(bytes)).toString();
  return { ...response, coding, text, size: bytes.length };
}

describe.each([
  ['small', TEXT, false],
  ['large', LARGE, false],
  ['in chunks', LARGE, true],
])('a %s response of text', (_, body, chunked) => {
  test.each(['gzip', 'br', 'zstd'])('is compressed with %s', async (coding) => {
    const { gateway } = await gatewayTo(body, JSON_TYPE, { chunked });
    const response = await get(gateway.port, coding);
    expect(response).toMatchObject({ status: 200, coding, text: body });
    expect(response.size).toBeLessThan(body.length / 4);
    expect(response.headers.get('vary')).toBe('Accept-Encoding');
    await eventually(() => gateway.lines.length === 1);
    expect(gateway.lines[0]).toMatchObject({ bytes_out: response.size });
    // The connection serves further requests.
    expect((await get(gateway.port, null)).text).toBe(body);
  });

  test('is not, unless asked for, but varies', async () => {
    const { gateway } = await gatewayTo(body, JSON_TYPE, { chunked });
    const response = await get(gateway.port, null);
    expect([response.coding, response.text, response.headers.get('vary')]).toEqual([
      undefined,
      body,
      'Accept-Encoding',
    ]);
  });
});

describe('a response is sent as it is', () => {
  test.each<[string, string, string, string]>([
    ['up to 1 KiB', 'x'.repeat(1_024), JSON_TYPE, '/'],
    ['as something compressed already', TEXT, `${JSON_TYPE}Content-Encoding: deflate\r\n`, '/'],
    ['as a picture', TEXT, 'Content-Type: image/png\r\n', '/'],
    ['without a media type', TEXT, '', '/'],
    ['as a stream of events', TEXT, 'Content-Type: text/event-stream\r\n', '/'],
    ['as a stream of JSON', TEXT, 'Content-Type: Application/X-NDJSON ; a=b\r\n', '/'],
    ['when it must not be transformed', TEXT, `${JSON_TYPE}Cache-Control: no-cache, No-Transform\r\n`, '/'],
    ['with a digest of its bytes', TEXT, `${JSON_TYPE}Content-Digest: sha-256=:AA==:\r\n`, '/'],
    ['in part', TEXT, `HTTP:206 Partial Content\r\n${JSON_TYPE}Content-Range: bytes 0-1/9\r\n`, '/'],
    ['below /auth', TEXT, JSON_TYPE, '/auth/login'],
    ['below /oauth', TEXT, JSON_TYPE, '/oauth?a=b'],
  ])('%s', async (_, body, lines, path) => {
    const { gateway } = await gatewayTo(body, lines);
    const response = await get(gateway.port, 'gzip, br, zstd', { path });
    expect(response.body).toBe(body);
    expect(response.headers.get('content-length')).toBe(String(body.length));
    expect(response.headers.get('content-encoding')).toBe(lines.includes('deflate') ? 'deflate' : undefined);
    expect(response.headers.get('vary')).toBeUndefined();
  });

  test('where compression is disabled', async () => {
    const { gateway } = await gatewayTo(TEXT, JSON_TYPE, { compresses: false });
    const response = await get(gateway.port, 'gzip');
    expect([response.text, response.headers.get('vary')]).toEqual([TEXT, undefined]);
  });

  test('but a path that only begins like /auth is compressed', async () => {
    const { gateway } = await gatewayTo(TEXT);
    expect((await get(gateway.port, 'gzip', { path: '/authors' })).coding).toBe('gzip');
  });
});

describe('the entity tag', () => {
  const lines = (etag: string) => `${JSON_TYPE}ETag: ${etag}\r\nAccept-Ranges: bytes\r\n`;

  test('of a compressed response names its coding, and ranges are not offered', async () => {
    const { gateway } = await gatewayTo(TEXT, lines('"v1"'));
    const compressed = await get(gateway.port, 'br');
    expect(compressed.headers.get('etag')).toBe('"v1~br"');
    expect(compressed.headers.has('accept-ranges')).toBe(false);
    const plain = await get(gateway.port, null);
    expect([plain.headers.get('etag'), plain.headers.get('accept-ranges')]).toEqual(['"v1"', 'bytes']);
  });

  test('stays when it is weak', async () => {
    const { gateway } = await gatewayTo(TEXT, lines('W/"v1"'));
    expect((await get(gateway.port, 'br')).headers.get('etag')).toBe('W/"v1"');
  });

  test('reaches the instance as its own, but ranges of another coding are never continued', async () => {
    const { gateway, upstream } = await gatewayTo(TEXT, lines('"v1"'));
    await get(gateway.port, null, {
      lines: 'If-None-Match: "v1~br", W/"v0~gzip", "~x"\r\nIf-Match: "v1~zstd"\r\nIf-Range: "v1~br"\r\n',
    });
    const received = upstream.connections[0]?.received ?? '';
    expect(received).toContain('If-None-Match: "v1", W/"v0", "~x"\r\n');
    expect(received).toContain('If-Match: "v1"\r\n');
    expect(received).toContain('If-Range: "v1~br"\r\n');
  });

  test('of a 304 is the one the client has', async () => {
    const { gateway } = await gatewayTo('', 'HTTP:304 Not Modified\r\nETag: "v1"\r\n');
    const tagFor = async (sent: string) =>
      (await get(gateway.port, 'br', { lines: `If-None-Match: ${sent}\r\n` })).headers.get('etag');
    expect(await tagFor('"v0", "v1~br"')).toBe('"v1~br"');
    expect(await tagFor('"v1"')).toBe('"v1"');
  });
});

test('HEAD has the fields of GET, without the length of another coding', async () => {
  const { gateway } = await gatewayTo(TEXT, `${JSON_TYPE}ETag: "v1"\r\n`);
  const head = await get(gateway.port, 'zstd', { method: 'HEAD' });
  const { headers } = await get(gateway.port, 'zstd');
  for (const name of ['content-encoding', 'etag', 'vary', 'content-type'])
    expect([name, head.headers.get(name)]).toEqual([name, headers.get(name)]);
  expect(head.headers.has('content-length')).toBe(false);
  const plain = await get(gateway.port, null, { method: 'HEAD' });
  expect(plain.headers.get('content-length')).toBe(String(TEXT.length));
});

test('a slow response is compressed as it comes', async () => {
  let send: (text: string) => void = () => undefined;
  const upstream = startUpstream((_, reply) => {
    send = reply;
  });
  const gateway = await startGateway({ instances: [upstream.port] });
  const client = rawClient(gateway.port);
  client.send('GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n');
  await eventually(() => upstream.connections.length === 1);
  send('HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n');
  const inflated = () => {
    // What was flushed so far, without the end of the stream.
    const [, body = ''] = client.received().split('\r\n\r\n');
    const chunks = body.match(/[0-9a-f]+\r\n[\s\S]*?(?=\r\n[0-9a-f]+\r\n|\r\n$|$)/g) ?? [];
    const bytes = Buffer.from(
      chunks.map((chunk) => chunk.slice(chunk.indexOf('\r\n') + 2)).join(''),
      'latin1',
    );
    return bytes.length === 0 ? '' : gunzipSync(bytes, { finishFlush: 2 }).toString();
  };
  for (const part of ['first', 'second', 'third']) {
    send(`${part.length.toString(16)}\r\n${part}\r\n`);
    await eventually(
      () => inflated().endsWith(part),
      () => inflated(),
    );
  }
  send('0\r\n\r\n');
  await client.until((text) => text.endsWith('\r\n0\r\n\r\n'));
});

test('a client of HTTP/1.0 reads a compressed response until the connection is closed', async () => {
  const { gateway } = await gatewayTo(LARGE);
  const client = rawClient(gateway.port);
  client.send('GET / HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n');
  const text = await client.untilClosed();
  const [head = '', body = ''] = [
    text.slice(0, text.indexOf('\r\n\r\n')),
    text.slice(text.indexOf('\r\n\r\n') + 4),
  ];
  expect(head).toContain('Content-Encoding: gzip');
  expect(gunzipSync(Buffer.from(body, 'latin1')).toString()).toBe(LARGE);
});

test('backpressure reaches the instance, and a client that leaves ends the compression', async () => {
  let produced = 0;
  const server = Bun.serve({
    port: 0,
    fetch: () =>
      new Response(
        new ReadableStream({
          async pull(controller) {
            // Text that hardly gets smaller.
            const piece = Buffer.from(randomBytes(48 * 1024).toString('base64'));
            produced += piece.length;
            controller.enqueue(piece);
            await Bun.sleep(0);
          },
        }),
        { headers: { 'content-type': 'text/plain' } },
      ),
  });
  stopAfter(() => server.stop(true));
  const gateway = await startGateway({ instances: [server.port ?? 0] });
  const client = rawClient(gateway.port);
  client.socket.pause();
  client.send('GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: zstd\r\n\r\n');
  let before = -1;
  // It has stopped once nothing more was produced between two looks.
  while (before !== produced || produced === 0) {
    before = produced;
    await Bun.sleep(200);
  }
  expect(produced).toBeLessThan(64 * 1024 * 1024);
  client.socket.destroy();
  await eventually(() => gateway.lines.length === 1);
  expect(gateway.lines[0]).toMatchObject({ status: 499 });
}, 30_000);

test('pipelined requests are answered in order, whatever is compressed', async () => {
  const { gateway } = await gatewayTo(LARGE);
  const connection = rawConnection(gateway.port);
  stopAfter(connection.end);
  const request = (coding: string) => `GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: ${coding}\r\n\r\n`;
  connection.send(['gzip', 'identity', 'zstd', 'br'].map(request).join(''));
  const responses = await connection.responses((all) => all.length === 4);
  expect(responses.map(({ headers }) => headers.get('content-encoding'))).toEqual([
    'gzip',
    undefined,
    'zstd',
    'br',
  ]);
});

test('a response of the cache is compressed too, and confirmed under the tag the client has', async () => {
  const { gateway, upstream } = await gatewayTo(
    TEXT,
    `${JSON_TYPE}Cache-Control: public, max-age=60\r\nETag: "v1"\r\n`,
    { responseCache: createResponseCache(1_000_000, new Registry()) },
  );
  await get(gateway.port, null);
  for (const coding of ['br', 'gzip', 'gzip']) {
    const response = await get(gateway.port, coding);
    expect(response).toMatchObject({ coding, text: TEXT });
    expect(response.headers.get('cache-status')).toBe('rookery; hit');
    expect(response.headers.get('etag')).toBe(`"v1~${coding}"`);
    const again = await get(gateway.port, coding, { lines: `If-None-Match: "v1~${coding}"\r\n` });
    expect([again.status, again.headers.get('etag')]).toEqual([304, `"v1~${coding}"`]);
  }
  expect((await get(gateway.port, null)).text).toBe(TEXT);
  expect(upstream.connections).toHaveLength(1);
});

describe('a local response', () => {
  const own = (headers: Record<string, string>, body: BodyInit | null = TEXT, status = 200) =>
    startGateway({ instances: [], handleLocally: async () => new Response(body, { status, headers }) });

  test.each(['gzip', 'br', 'zstd'])(
    'is compressed with %s, and kept if it has a strong entity tag',
    async (coding) => {
      let made = 0;
      const gateway = await startGateway({
        instances: [],
        handleLocally: async () => {
          made++;
          const headers = { 'content-type': 'application/json', etag: '"document"' };
          return new Response(TEXT, { headers });
        },
      });
      for (let request = 0; request < 2; request++) {
        const response = await get(gateway.port, coding, { path: `/own?${request}` });
        expect(response).toMatchObject({ status: 200, coding, text: TEXT });
        expect(response.headers.get('etag')).toBe(`"document~${coding}"`);
        expect(response.headers.get('content-length')).toBe(String(response.size));
      }
      expect(made).toBe(2);
    },
  );

  test('without a length is, and one up to 1 KiB is not', async () => {
    const stream = () => new Blob([LARGE]).stream();
    const gateway = await own({ 'content-type': 'text/html' }, stream());
    expect(await get(gateway.port, 'gzip', { path: '/own' })).toMatchObject({ coding: 'gzip', text: LARGE });
    const small = await own({ 'content-type': 'text/html' }, 'x'.repeat(1_024));
    expect((await get(small.port, 'gzip', { path: '/own' })).coding).toBeUndefined();
  });
});

test('the metrics tell what was compressed, by coding, and why the rest was not', async () => {
  const text = await gatewayTo(LARGE);
  const picture = await gatewayTo(LARGE, 'Content-Type: image/png\r\n');
  const small = await gatewayTo('{}');
  const before = await compressionMetrics(text.gateway.metrics);
  const { size } = await get(text.gateway.port, 'gzip');
  await get(text.gateway.port, 'gzip', { method: 'HEAD' });
  await get(text.gateway.port, null);
  await get(picture.gateway.port, 'br');
  await get(small.gateway.port, 'br');
  const after = await compressionMetrics(text.gateway.metrics);
  const changes = Object.entries(after)
    .map(([name, value]) => [name, value - (before[name] ?? 0)] as const)
    .filter(([, change]) => change !== 0);
  expect(Object.fromEntries(changes)).toEqual({
    'input gzip': LARGE.length,
    'output gzip': size,
    'skipped not-accepted': 1,
    'skipped not-compressible': 1,
    'skipped small': 1,
  });
});

/** By metric and label. */
async function compressionMetrics(registry: Registry): Promise<Record<string, number>> {
  const lines = (await registry.metrics()).matchAll(
    /^gateway_response_compression_(\w+?)(?:_bytes)?_total\{\w+="([\w-]+)"\} (\d+)$/gm,
  );
  return Object.fromEntries([...lines].map(([, name, label, value]) => [`${name} ${label}`, Number(value)]));
}
