import { afterAll, describe, expect, test } from 'bun:test';
import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { rawConnection } from '../../tests/support/raw-http';
import { testRuntime } from '../../tests/support/servers';
import { UPLOADING_CLIENTS, upload } from '../../tests/support/uploading-clients';
import { readMultipart } from './body/multipart';
import { inMediaTypes } from './body/read-body';
import { platform } from './platform';
import { serveHttp } from './server';

/** Request bodies at the port of a service, over real connections. */

const FORM = 'application/x-www-form-urlencoded';
const MIB = 1024 * 1024;
const runtime = testRuntime('request-bodies');
const app = new Elysia()
  .use(platform(runtime, { bodyBytes: 3 * MIB }))
  .post('/', ({ body }) => body, {
    body: inMediaTypes(Type.Object({ a: Type.String() }), 'application/json', FORM, 'multipart/form-data'),
  })
  .post('/stream', async ({ request }) => (await request.bytes()).length, { parse: () => null })
  .post('/file', ({ request }) => sizeOfFile(request), { parse: () => null })
  .post('/unread', () => 'unread');
const { port } = serveHttp(runtime, app, { hostname: '127.0.0.1', port: 0, strictPort: true });
afterAll(() => runtime.close());

async function sizeOfFile(request: Request): Promise<number> {
  const form = readMultipart(request, { fileField: 'file', maxFields: 1 });
  let size = 0;
  for await (const bytes of (await form.file).bytes) size += bytes.length;
  await form.complete;
  return size;
}

const PIECE = new Uint8Array(64 * 1024).fill(0x61);

/** A body without a length: it is sent in chunks. */
function stream(bytes: number): ReadableStream<Uint8Array> {
  let left = bytes;
  return new ReadableStream({
    pull(controller) {
      const piece = PIECE.subarray(0, Math.min(left, PIECE.length));
      left -= piece.length;
      if (piece.length > 0) controller.enqueue(piece);
      if (left === 0) controller.close();
    },
  });
}

async function post(path: string, contentType: string, body: BodyInit, headers: Record<string, string> = {}) {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: 'POST',
    headers: { 'content-type': contentType, ...headers },
    body,
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text };
}

describe('a media type is compared as one:', () => {
  test.each([
    ['application/json', '{"a":"b"}'],
    ['Application/JSON', '{"a":"b"}'],
    ['APPLICATION/JSON ; Charset="UTF-8"', '{"a":"b"}'],
    ['Application/X-WWW-Form-URLencoded ;charset=utf-8', 'a=b'],
    [
      'Multipart/Form-Data ; boundary=AbC',
      '--AbC\r\ncontent-disposition: form-data; name="a"\r\n\r\nb\r\n--AbC--\r\n',
    ],
  ])('%s', async (contentType, body) => {
    expect(await post('/', contentType, body)).toMatchObject({ status: 200, text: '{"a":"b"}' });
  });

  test('a streamed form', async () => {
    const form =
      '--AbC\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nbytes\r\n--AbC--\r\n';
    expect(await post('/file', 'MULTIPART/FORM-DATA ;boundary=AbC', form)).toMatchObject({ text: '5' });
  });

  test.each(['application/jsonx', 'text/json', 'application/json2; a=b'])('not %s', async (contentType) => {
    expect((await post('/', contentType, '{"a":"b"}')).status).toBe(415);
  });
});

describe('a body in a content coding is 415, and says what is read:', () => {
  test.each(['gzip', 'GZIP', 'br', 'identity, zstd', 'x-unknown'])('%s', async (coding) => {
    const compressed = Bun.gzipSync('{"a":"b"}');
    const response = await post('/', 'application/json', compressed, { 'content-encoding': coding });
    expect(response.status).toBe(415);
    expect(JSON.parse(response.text)).toMatchObject({
      code: 'request.unsupported-media-type',
      detail: expect.stringContaining('identity'),
    });
    expect(response.headers.get('accept-encoding')).toBe('identity');
  });

  test('identity is none', async () => {
    expect(
      (await post('/', 'application/json', '{"a":"b"}', { 'content-encoding': 'Identity' })).status,
    ).toBe(200);
  });
});

describe('a body beyond its limit is 413 with a problem document:', () => {
  test.each([
    ['JSON of 2 MiB with a length', '/', 'application/json', 2 * MIB, false],
    ['JSON of 2 MiB in chunks', '/', 'application/json', 2 * MIB, true],
    ['a form of 2 MiB in chunks', '/', FORM, 2 * MIB, true],
    ['a stream of 8 MiB with a length', '/stream', 'application/octet-stream', 8 * MIB, false],
    ['a stream of 8 MiB in chunks', '/stream', 'application/octet-stream', 8 * MIB, true],
    ['a body that no route reads, with a length', '/unread', 'application/octet-stream', 8 * MIB, false],
  ])('%s', async (_, path, contentType, bytes, inChunks) => {
    const body = inChunks ? stream(bytes) : new Uint8Array(bytes).fill(0x61);
    const response = await post(path, contentType, body);
    expect(response.status).toBe(413);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(JSON.parse(response.text)).toMatchObject({ code: 'request.too-large', status: 413 });
  });

  test.each(UPLOADING_CLIENTS)(
    '%s reads it while it is still sending',
    async (client) => {
      const lines = await upload(client, `http://127.0.0.1:${port}/stream`);
      expect(lines).toEqual(Array.from({ length: 2 }, () => '413 request.too-large'));
    },
    30_000,
  );

  test('one within it is read, with a length and in chunks', async () => {
    for (const body of [stream(2 * MIB), new Uint8Array(2 * MIB)])
      expect(await post('/stream', 'application/octet-stream', body)).toMatchObject({
        text: String(2 * MIB),
      });
  });

  test('an announced terabyte is refused before it is sent', async () => {
    const connection = rawConnection(port);
    connection.send(
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000000000000\r\n\r\n',
    );
    const [response] = await connection.responses((all) => all.length > 0);
    connection.end();
    expect(response?.status).toBe(413);
    expect(response?.headers.get('content-type')).toBe('application/problem+json');
  });
});
