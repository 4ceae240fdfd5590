import { afterAll, beforeEach, describe, expect, test } from 'bun:test';
import { connect } from 'node:net';
import { File, MediaServiceDefinition, type UploadAvatarRequest } from '#contracts/gen/media/v1/media';
import { defineProblem } from '#kit/errors/problem';
import { grpcService, type Handlers, startGrpcServer } from '#kit/grpc/server';
import type { IncomingCall } from '#kit/grpc/server-call';
import { eventually } from '../../tests/support/eventually';
import { testRuntime } from '../../tests/support/servers';
import { testTokens } from '../../tests/support/tokens';
import { createRecentRequests } from '../observability/recent-requests';
import { listenGateway } from '../proxy/listener';
import { readContracts } from './contracts';
import { transcodedRoutes } from './rules';
import { createTranscoder } from './transcode';

const MAX_BYTES = 100 * 1024 * 1024;
const PictureTooLarge = defineProblem('test.picture-too-large', 413, 'This picture is too large');

/** The client-streaming method. */
const DEFINITION = {
  ...MediaServiceDefinition,
  methods: { uploadAvatar: MediaServiceDefinition.methods.uploadAvatar },
};

type Upload = Handlers<typeof DEFINITION>['uploadAvatar'];

const runtime = testRuntime('gateway');
const tokens = await testTokens();
const authorization = await tokens.authorization({ id: Bun.randomUUIDv7(), username: 'ada' });
/** The service's handler of an upload, set by each test. */
let upload: Upload;
const gateway = await startGateway();

beforeEach(() => {
  upload = () => {
    throw new Error('This test expects no upload');
  };
});

afterAll(async () => {
  await gateway.stop({ drainMs: 0 });
  await runtime.close();
});

async function startGateway() {
  const service = grpcService(DEFINITION, {
    uploadAvatar: (requests, call) => upload(requests, call),
  });
  const { port } = await startGrpcServer(runtime, {
    host: '127.0.0.1',
    port: 0,
    services: [service],
    audience: 'media',
  });
  const instance = { host: '127.0.0.1', grpc_port: port, state: 'up' as const };
  const routes = transcodedRoutes(await readContracts());
  const transcode = createTranscoder(runtime, {
    routes,
    registry: { instances: () => [instance], onChange: () => () => undefined },
    tokens: tokens.verifier,
  });
  const route = routes.find(({ pattern }) => pattern === '/files/upload/avatar');
  if (route === undefined) throw new Error('The contract has no such route');
  return listenGateway({
    host: '127.0.0.1',
    port: 0,
    decide: ({ target }) => ({
      kind: 'transcode',
      service: 'media',
      route: route.pattern,
      limits: { bodyBytes: MAX_BYTES, requestTimeoutMs: 5_000, hedgeMs: 0, tryTimeoutMs: 5_000 },
      target,
      prefix: '',
      streamsBody: true,
      respond: (request, address) =>
        transcode({ route, auth: 'user', scope: undefined, target, timeoutMs: 5_000 }, request, address),
    }),
    handleLocally: () => Promise.reject(new Error('Only uploads are tested here')),
    revision: () => 1,
    log: runtime.log,
    metrics: runtime.metrics,
    recent: createRecentRequests({ ordinary: 1, troubled: 1 }),
    trustedProxies: [],
  });
}

const url = () => `http://127.0.0.1:${gateway.port}/files/upload/avatar`;

const FILE = File.decode(new Uint8Array());

/** Consumes an upload. */
async function readAll(requests: AsyncIterable<UploadAvatarRequest>) {
  const hash = new Bun.CryptoHasher('sha256');
  let first: UploadAvatarRequest['content'];
  let size = 0;
  for await (const { content } of requests) {
    first ??= content;
    if (content?.$case !== 'data') continue;
    size += content.value.length;
    hash.update(content.value);
  }
  return { start: first?.$case === 'start' ? first.value : undefined, size, sha256: hash.digest('hex') };
}

function formWith(bytes: Uint8Array<ArrayBuffer>): FormData {
  const form = new FormData();
  form.set('file', new globalThis.File([bytes], 'Käthe.png', { type: 'image/png' }));
  return form;
}

/** The head of a form and of its file part, before the file's bytes. */
const BOUNDARY = 'a-boundary';
const FORM_TYPE = `multipart/form-data; boundary=${BOUNDARY}`;
const FILE_HEAD = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n`;

describe('an upload', () => {
  test("is streamed with its metadata, and returns the service's response", async () => {
    const bytes = new Uint8Array(3_000_000).map((_, index) => (index * 7) % 251);
    let call: IncomingCall | undefined;
    let read: Awaited<ReturnType<typeof readAll>> | undefined;
    upload = async (requests, incoming) => {
      call = incoming;
      read = await readAll(requests);
      incoming.setHttpResponse({ status: 201, headers: { location: '/files/1' } });
      return { file: { ...FILE, file_name: read.start?.file_name ?? '', size: read.size } };
    };
    const answer = await fetch(url(), {
      method: 'POST',
      body: formWith(bytes),
      headers: { authorization: 'Bearer token', 'x-request-id': 'request-of-upload' },
    });
    expect(answer.status).toBe(201);
    expect(answer.headers.get('location')).toBe('/files/1');
    expect(await answer.json()).toMatchObject({ file_name: 'Käthe.png', size: bytes.length });
    expect(read?.start).toEqual({ file_name: 'Käthe.png', content_type: 'image/png' });
    expect(read?.sha256).toBe(new Bun.CryptoHasher('sha256').update(bytes).digest('hex'));
    expect(call).toMatchObject({ caller: 'gateway', requestId: 'request-of-upload' });
    expect(call?.metadata('user-authorization')).toBe('Bearer token');
    expect(call?.origin?.address).toBe('127.0.0.1');
  });

  test('applies backpressure from a slow service', async () => {
    const begun = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    upload = async (requests) => {
      let size = 0;
      for await (const { content } of requests) {
        if (content?.$case === 'data') size += content.value.length;
        begun.resolve();
        await release.promise;
      }
      return { file: { ...FILE, size } };
    };
    const part = new Uint8Array(64 * 1024);
    const parts = 1_000;
    let sent = 0;
    const answer = fetch(url(), {
      method: 'POST',
      headers: { 'content-type': FORM_TYPE },
      body: new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode(FILE_HEAD)),
        pull(controller) {
          if (sent++ < parts) controller.enqueue(part);
          else {
            controller.enqueue(new TextEncoder().encode(`\r\n--${BOUNDARY}--\r\n`));
            controller.close();
          }
        },
      }),
    });
    await begun.promise;
    let before = -1;
    await eventually(() => {
      const grown = sent - before;
      before = sent;
      expect(grown).toBe(0);
    });
    // Of 64 MB, the capacity of the sockets and streams between.
    expect(sent * part.length).toBeLessThan(16 * 1024 * 1024);
    release.resolve();
    expect(await (await answer).json()).toMatchObject({ size: parts * part.length });
  }, 60_000);

  test('that the service rejects early returns its problem at once', async () => {
    upload = async (requests) => {
      for await (const { content } of requests)
        if (content?.$case === 'data') throw new PictureTooLarge({ detail: 'At most 5 MB.' });
      throw new Error('It should have been refused');
    };
    const socket = connect(gateway.port, '127.0.0.1');
    const answered = new Promise<string>((resolve) => socket.once('data', (data) => resolve(String(data))));
    socket.write(
      `POST / HTTP/1.1\r\nHost: a\r\nContent-Type: ${FORM_TYPE}\r\nContent-Length: 90000000\r\n\r\n${FILE_HEAD}${'x'.repeat(100_000)}`,
    );
    const head = await answered;
    expect(head).toStartWith('HTTP/1.1 413');
    expect(head).toContain('Connection: close');
    expect(head).toContain('"code":"test.picture-too-large"');
    socket.destroy();
  });

  test('whose client disconnects is never taken for complete', async () => {
    const begun = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<string>();
    upload = async (requests) => {
      try {
        for await (const { content } of requests) if (content?.$case === 'data') begun.resolve();
        ended.resolve('whole');
      } catch {
        ended.resolve('broken off');
      }
      return { file: FILE };
    };
    const socket = connect(gateway.port, '127.0.0.1');
    socket.write(
      `POST / HTTP/1.1\r\nHost: a\r\nContent-Type: ${FORM_TYPE}\r\nContent-Length: 9000\r\n\r\n${FILE_HEAD}${'x'.repeat(5_000)}`,
    );
    await begun.promise;
    socket.destroy();
    expect(await ended.promise).toBe('broken off');
  });

  test("beyond the route's limit is rejected before and during the transfer", async () => {
    upload = async (requests) => ({ file: { ...FILE, size: (await readAll(requests)).size } });
    const declared = await fetch(url(), {
      method: 'POST',
      headers: { 'content-type': FORM_TYPE },
      body: new Uint8Array(MAX_BYTES + 1),
    });
    expect(await declared.json()).toMatchObject({ code: 'request.too-large' });
  });
});

describe('an invalid upload', () => {
  const send = async (type: string, body: string, query = '') => {
    const headers = { authorization, 'content-type': type };
    const answer = await fetch(`${url()}${query}`, { method: 'POST', headers, body });
    return Object(await answer.json());
  };

  test('a truncated form, and one without a boundary, are malformed', async () => {
    const ended = Promise.withResolvers<void>();
    upload = async (requests) => {
      await readAll(requests).catch(() => ended.resolve());
      return { file: FILE };
    };
    expect(await send(FORM_TYPE, `${FILE_HEAD}bytes and no end`)).toMatchObject({
      code: 'request.malformed',
    });
    await ended.promise;
    expect(await send('multipart/form-data; a=b', FILE_HEAD)).toMatchObject({ code: 'request.malformed' });
  });

  test('a form without a file is invalid, and another media type is not accepted', async () => {
    expect(await send(FORM_TYPE, `--${BOUNDARY}--\r\n`)).toMatchObject({
      code: 'request.invalid',
      errors: [{ field: 'file' }],
    });
    expect(await send('application/json', '{}')).toMatchObject({ code: 'request.unsupported-media-type' });
  });

  test('is refused whole with a field or a parameter that the contract does not name', async () => {
    const seen: string[] = [];
    upload = async (requests) => {
      await readAll(requests).then(
        () => seen.push('whole'),
        () => seen.push('broken off'),
      );
      return { file: FILE };
    };
    const field = (name: string) =>
      `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\npublic\r\n`;
    const file = `${FILE_HEAD}bytes\r\n`;
    for (const name of ['visibility', 'content_type'])
      for (const parts of [`${field(name)}${file}`, `${file}${field(name)}`])
        expect(await send(FORM_TYPE, `${parts}--${BOUNDARY}--\r\n`)).toMatchObject({
          code: 'request.invalid',
          errors: [{ field: name, message: 'Unknown field' }],
        });
    expect(await send(FORM_TYPE, `${file}${file}--${BOUNDARY}--\r\n`)).toMatchObject({
      errors: [{ field: 'file' }],
    });
    expect(await send(FORM_TYPE, `${file}--${BOUNDARY}--\r\n`, '?visibility=public')).toMatchObject({
      errors: [{ field: 'visibility' }],
    });
    expect(seen).not.toContain('whole');
    const headers = { 'content-type': FORM_TYPE };
    const anonymous = await fetch(url(), { method: 'POST', headers, body: `${field('visibility')}${file}` });
    expect(anonymous.status).toBe(401);
  });
});
