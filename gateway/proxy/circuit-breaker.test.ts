import { describe, expect, test } from 'bun:test';
import { gatewayFixture } from './test-fixture';
import { closedPort, eventually, rawClient, rawUpstream } from './test-gateway';

const { startGateway, startUpstream, stopAfter } = gatewayFixture();

/** An instance that responds to each request on demand. */
function manualUpstream() {
  const respond: (() => void)[] = [];
  const upstream = startUpstream((received, reply) => {
    if (received.endsWith('\r\n\r\n') || received.endsWith('body'))
      respond.push(() => reply('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'));
  });
  return { ...upstream, respond };
}

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

function clientOf(gateway: { port: number }, text = GET) {
  const client = rawClient(gateway.port);
  stopAfter(() => client.socket.destroy());
  client.send(text);
  return client;
}

describe('a service without free permits', () => {
  test('queues requests in order, and rejects those beyond the queue', async () => {
    const upstream = manualUpstream();
    const gateway = await startGateway({
      instances: [upstream.port],
      thresholds: { concurrency: 1, queue: 1 },
    });
    const first = clientOf(gateway);
    await eventually(() => upstream.respond.length === 1);
    const second = clientOf(gateway, 'PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody');
    await eventually(() => gateway.breaker.queued === 1);
    const third = clientOf(gateway);
    const refusal = await third.until((text) => text.includes('service.unavailable'));
    expect(refusal).toStartWith('HTTP/1.1 503 ');
    expect(refusal).toContain('retry-after: 1\r\n');
    expect(upstream.respond).toHaveLength(1);
    upstream.respond[0]?.();
    await first.until((text) => text.endsWith('ok'));
    await eventually(() => upstream.respond.length === 2);
    upstream.respond[1]?.();
    await second.until((text) => text.endsWith('ok'));
    expect(gateway.breaker).toMatchObject({ inFlight: 0, queued: 0 });
  });

  test('receives a body that arrived while the request was queued, also one beyond the replay limit', async () => {
    const upstream = manualUpstream();
    const gateway = await startGateway({
      instances: [upstream.port],
      thresholds: { concurrency: 1, queue: 1 },
      limits: { retryBodyBytes: 16 },
    });
    clientOf(gateway);
    await eventually(() => upstream.respond.length === 1);
    const body = `${'x'.repeat(300_000)}body`;
    const waiting = clientOf(
      gateway,
      `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await eventually(() => gateway.breaker.queued === 1);
    upstream.respond[0]?.();
    await eventually(() => upstream.respond.length === 2);
    expect(upstream.connections.some(({ received }) => received.endsWith(`\r\n\r\n${body}`))).toBe(true);
    upstream.respond[1]?.();
    await waiting.until((text) => text.endsWith('ok'));
  });

  test('rejects requests that were queued for a second', async () => {
    const upstream = manualUpstream();
    const gateway = await startGateway({
      instances: [upstream.port],
      thresholds: { concurrency: 1, queue: 1 },
    });
    clientOf(gateway);
    await eventually(() => upstream.respond.length === 1);
    const waiting = clientOf(gateway);
    expect(await waiting.until((text) => text.includes('service.unavailable'))).toStartWith('HTTP/1.1 503 ');
    expect(gateway.breaker).toMatchObject({ inFlight: 1, queued: 0 });
  });

  test('drops requests whose client disconnects in the queue', async () => {
    const upstream = manualUpstream();
    const gateway = await startGateway({
      instances: [upstream.port],
      thresholds: { concurrency: 1, queue: 1 },
    });
    clientOf(gateway);
    await eventually(() => upstream.respond.length === 1);
    const leaving = clientOf(gateway);
    await eventually(() => gateway.breaker.queued === 1);
    leaving.socket.destroy();
    await eventually(() => gateway.lines.length === 1);
    expect(gateway.breaker).toMatchObject({ inFlight: 1, queued: 0 });
  });
});

describe('no permit is held', () => {
  const oneRoom = { concurrency: 1, queue: 0 };

  test('by streams and slow readers', async () => {
    const upstream = startUpstream((received, reply) => {
      if (received.includes('Upgrade'))
        reply('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
      else if (received.includes('/events'))
        reply('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: hello\n\n');
      else reply('HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nhalf');
    });
    const gateway = await startGateway({ instances: [upstream.port], thresholds: oneRoom });
    const tunnel = clientOf(
      gateway,
      'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    await tunnel.until((text) => text.includes('101 Switching'));
    await clientOf(gateway, 'GET /events HTTP/1.1\r\nHost: a\r\n\r\n').until((text) =>
      text.includes(': hello'),
    );
    await clientOf(gateway).until((text) => text.endsWith('half'));
    expect(gateway.breaker).toMatchObject({ inFlight: 0, begun: 3 });
  });

  test('by slow uploads', async () => {
    const upstream = manualUpstream();
    const gateway = await startGateway({ instances: [upstream.port], thresholds: oneRoom });
    const slow = clientOf(gateway, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbo');
    await eventually(() => upstream.connections.length === 1);
    expect(gateway.breaker.inFlight).toBe(0);
    slow.send('dy');
    await eventually(() => upstream.respond.length === 1);
    expect(gateway.breaker.inFlight).toBe(1);
  });

  test('by a request whose client has disconnected, or that failed', async () => {
    const silent = manualUpstream();
    const gateway = await startGateway({ instances: [silent.port], thresholds: oneRoom });
    const leaving = clientOf(gateway);
    await eventually(() => gateway.breaker.inFlight === 1);
    leaving.socket.destroy();
    await eventually(() => gateway.breaker.inFlight === 0);
    const gone = await startGateway({ instances: [closedPort()], thresholds: oneRoom });
    await clientOf(gone).until((text) => text.includes('service.unavailable'));
    expect(gone.breaker.inFlight).toBe(0);
  });
});

test("a failing service's circuit opens, and rejections carry Retry-After", async () => {
  const port = closedPort();
  const gateway = await startGateway({ instances: [port] });
  for (let request = 0; request < 20; request++) await (await fetch(gateway.url)).text();
  expect(gateway.breaker.isOpen).toBe(true);
  const attempts = gateway.outcomes.length;
  const refused = await fetch(gateway.url);
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '2']);
  expect(gateway.outcomes).toHaveLength(attempts);
});

test('with all instances failing, retries are limited to a fifth of the requests plus ten', async () => {
  const failing = () => {
    const upstream = rawUpstream((_, reply) => reply('HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n'));
    stopAfter(upstream.stop);
    return upstream;
  };
  const gateway = await startGateway({ instances: [failing().port, failing().port, failing().port] });
  // In sequence: the share of active requests permits three retries at any time, which alone would double them.
  for (let request = 0; request < 100; request++) expect((await fetch(gateway.url)).status).toBe(503);
  expect(gateway.outcomes.length).toBeLessThanOrEqual(130);
  expect(gateway.outcomes.length).toBeGreaterThanOrEqual(110);
});
