import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import type { InternalTls } from '#kit/core/internal-tls';
import { createAuthority, type TestAuthority } from '../../tests/support/certificate';
import { eventually } from '../../tests/support/eventually';
import { gatewayFixture } from '../proxy/test-fixture';

const { startGateway } = gatewayFixture();

let authority: TestAuthority;
let stranger: TestAuthority;
let ours: InternalTls;
const toStop: (() => unknown)[] = [];

beforeAll(async () => {
  [authority, stranger] = await Promise.all([createAuthority(), createAuthority()]);
  ours = (await authority.issue('test.rookery.internal')).tls;
});
afterAll(async () => {
  for (const stop of toStop) await stop();
  authority.remove();
  stranger.remove();
});

/** An instance with this certificate, that counts what it was asked. */
function startInstance({ cert, key }: InternalTls) {
  let requests = 0;
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    tls: { cert, key },
    async fetch(request, own) {
      requests++;
      if (own.upgrade(request)) return;
      return new Response(request.method === 'POST' ? await request.arrayBuffer() : 'hello');
    },
    websocket: { message: (socket, text) => void socket.send(text) },
  });
  toStop.push(() => server.stop(true));
  return { port: server.port ?? 0, requests: () => requests };
}

describe('an instance that serves TLS', () => {
  test('is reached when its certificate is for its name and of the authority', async () => {
    const { port } = startInstance(ours);
    const { url } = await startGateway({ instances: [port], internalTls: ours });
    for (let request = 0; request < 3; request++) expect(await (await fetch(url)).text()).toBe('hello');
    const sent = new Uint8Array(3 * 1024 * 1024).map((_, index) => index % 251);
    const response = await fetch(url, { method: 'POST', body: sent });
    expect(Bun.hash(await response.arrayBuffer())).toBe(Bun.hash(sent));
  });

  test('is reached by WebSockets', async () => {
    const { port } = startInstance(ours);
    const { url } = await startGateway({ instances: [port], internalTls: ours });
    const socket = new WebSocket(url.replace('http', 'ws'));
    const echoed = Promise.withResolvers<string>();
    socket.onopen = () => socket.send('over TLS');
    socket.onmessage = ({ data }) => echoed.resolve(String(data));
    socket.onerror = () => echoed.reject(new Error('the WebSocket failed'));
    expect(await echoed.promise).toBe('over TLS');
    socket.close();
  });

  const refused: [string, () => Promise<InternalTls>, () => InternalTls | null][] = [
    ['of another authority', async () => (await stranger.issue('test.rookery.internal')).tls, () => ours],
    ['for another name', async () => (await authority.issue('other.rookery.internal')).tls, () => ours],
    ['that the gateway has no authority for', async () => ours, () => null],
  ];
  test.each(refused)('receives nothing with a certificate %s', async (_, certificate, verifiedWith) => {
    const { port, requests } = startInstance(await certificate());
    const { url, outcomes } = await startGateway({ instances: [port], internalTls: verifiedWith() });
    expect((await fetch(url)).status).toBeGreaterThanOrEqual(502);
    expect(outcomes).toEqual([{ instanceId: 'instance-0', result: 'unreachable' }]);
    expect(requests()).toBe(0);
  });

  test('receives nothing in plain text', async () => {
    const { port, received } = await startPlainServer('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
    const { url } = await startGateway({ instances: [port], internalTls: ours });
    expect((await fetch(url, { headers: { 'x-secret': 'secret' } })).status).toBeGreaterThanOrEqual(502);
    await eventually(() => received.length > 0);
    const bytes = Buffer.concat(received);
    // A TLS handshake (RFC 8446, 5.1).
    expect(bytes[0]).toBe(0x16);
    expect(bytes.includes('secret')).toBe(false);
  });

  test('is left when it does not answer the handshake', async () => {
    const { port, open } = await startPlainServer(null);
    const limits = { connectMs: 100 };
    const { url, outcomes } = await startGateway({ instances: [port], internalTls: ours, limits });
    expect((await fetch(url)).status).toBeGreaterThanOrEqual(502);
    expect(outcomes).toEqual([{ instanceId: 'instance-0', result: 'unreachable' }]);
    await eventually(() => open.size === 0);
  });
});

/** @param reply to the first bytes of a connection; null for silence */
async function startPlainServer(reply: string | null) {
  const received: Uint8Array[] = [];
  const open = new Set<object>();
  const server = Bun.listen({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      open: (socket) => void open.add(socket),
      data(socket, bytes) {
        received.push(Uint8Array.from(bytes));
        if (reply !== null) socket.end(reply);
      },
      close: (socket) => void open.delete(socket),
    },
  });
  toStop.push(() => server.stop(true));
  return { port: server.port, received, open };
}
