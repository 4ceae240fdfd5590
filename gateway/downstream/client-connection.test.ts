import { describe, expect, test } from 'bun:test';
import { gatewayFixture } from '../proxy/test-fixture';
import { eventually, rawClient } from '../proxy/test-gateway';

const { startGateway, startUpstream, stopAfter } = gatewayFixture();

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

describe('a client that pipelines and does not read', () => {
  const REQUESTS = 2_000;

  test('receives responses under backpressure, and all of them once it reads', async () => {
    const large = 'x'.repeat(32 * 1024);
    let served = 0;
    const server = Bun.serve({
      port: 0,
      fetch() {
        served++;
        return new Response(large);
      },
    });
    stopAfter(() => server.stop(true));
    const gateway = await startGateway({ instances: [server.port ?? 0] });
    const client = rawClient(gateway.port);
    let received = 0;
    client.socket.removeAllListeners('data');
    client.socket.on('data', (bytes) => {
      received += bytes.length;
    });
    client.socket.pause();
    client.send(GET.repeat(REQUESTS));
    await settled(() => served);
    expect(served).toBeGreaterThan(1);
    expect(served).toBeLessThan(REQUESTS / 2);
    client.socket.resume();
    await eventually(() => served === REQUESTS && received > REQUESTS * large.length);
  }, 60_000);

  test('also when the responses are rejections', async () => {
    const gateway = await startGateway({ instances: [] });
    const client = rawClient(gateway.port);
    let received = 0;
    client.socket.removeAllListeners('data');
    client.socket.on('data', (bytes) => {
      received += bytes.toString('latin1').split('HTTP/1.1 503 ').length - 1;
    });
    client.socket.pause();
    const many = 40_000;
    client.send(GET.repeat(many));
    await settled(() => gateway.lines.length);
    expect(gateway.lines.length).toBeLessThan(many);
    client.socket.resume();
    // A status line split between two reads is not counted.
    await eventually(() => received > many * 0.98);
  }, 60_000);
});

test('every request sent before a client half-closes is answered', async () => {
  const upstream = startUpstream((received, reply) => {
    if (received.endsWith('\r\n\r\n'))
      setTimeout(() => reply('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'), 50);
  });
  const gateway = await startGateway({
    instances: [upstream.port],
    handleLocally: () => Promise.resolve(new Response('own')),
  });
  const client = rawClient(gateway.port);
  client.socket.end(`${GET}${GET.replace(' / ', ' /own ').repeat(2)}${GET}`);
  const text = await client.untilClosed();
  expect(text.split('HTTP/1.1 200 OK').length - 1).toBe(4);
});

describe('a body that violates its framing', () => {
  const BROKEN = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX';

  test('is rejected with 400, and not counted as a failure of the instance', async () => {
    const upstream = startUpstream(() => undefined);
    const gateway = await startGateway({ instances: [upstream.port] });
    const client = rawClient(gateway.port);
    client.send(BROKEN);
    const text = await client.untilClosed();
    expect(text).toStartWith('HTTP/1.1 400 Bad Request\r\n');
    expect(text).toContain('"code":"request.malformed"');
    await eventually(() => gateway.outcomes.length === 1);
    expect(gateway.outcomes).toEqual([{ instanceId: 'instance-0', result: 'abandoned' }]);
  });

  test('resets a response that has begun', async () => {
    const upstream = startUpstream((_, reply) => {
      reply('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf');
    });
    const gateway = await startGateway({ instances: [upstream.port] });
    const client = rawClient(gateway.port);
    client.send(BROKEN.slice(0, -1));
    await client.until((text) => text.endsWith('half'));
    client.send('X');
    expect(await client.untilClosed()).toEndWith('half');
  });

  test('that is too slow is rejected with 408', async () => {
    const upstream = startUpstream(() => undefined);
    const gateway = await startGateway({ instances: [upstream.port], limits: { bodyProgressMs: 100 } });
    const client = rawClient(gateway.port);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\nx');
    expect(await client.untilClosed()).toStartWith('HTTP/1.1 408 ');
  });
});

describe.each([
  ['all connections', { clients: 4 }],
  ['the connections of an address', { clientsPerAddress: 4 }],
])('at the limit of %s', (_, limits) => {
  const slow = () =>
    startUpstream((received, reply) => {
      const reply200 = () => reply('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
      if (received.includes('/slow')) return;
      if (received.endsWith('\r\n\r\n')) reply200();
    });

  test('an idle connection is evicted for a new one, and active ones are not', async () => {
    const gateway = await startGateway({ instances: [slow().port], limits });
    const busy = rawClient(gateway.port);
    busy.send(GET.replace(' / ', ' /slow '));
    const started = rawClient(gateway.port);
    started.send('GET / HTTP/1.1\r\n');
    const idle = [rawClient(gateway.port), rawClient(gateway.port)];
    for (const client of idle) {
      client.send(GET);
      await client.until((text) => text.endsWith('\r\n\r\n'));
    }
    for (let newcomers = 0; newcomers < 2; newcomers++) {
      const newcomer = rawClient(gateway.port);
      newcomer.send(GET.replace(' / ', ' /slow '));
      await eventually(() => idle.filter((client) => client.ended()).length === newcomers + 1);
    }
    expect([busy.ended(), started.ended()]).toEqual([false, false]);
    started.send('Host: a\r\n\r\n');
    expect(await started.until((text) => text.endsWith('\r\n\r\n'))).toStartWith('HTTP/1.1 200 ');
  });

  test('a new connection is refused when all are active, and counted', async () => {
    const upstream = slow();
    const gateway = await startGateway({ instances: [upstream.port], limits });
    const busy = Array.from({ length: 4 }, () => rawClient(gateway.port));
    for (const client of busy) client.send(GET.replace(' / ', ' /slow '));
    await eventually(() => upstream.connections.length === 4);
    const newcomer = rawClient(gateway.port);
    newcomer.send(GET);
    expect(await newcomer.untilClosed()).toBe('');
    expect(await gateway.metrics.metrics()).toMatch(/gateway_client_connections_refused_total{full="\w+"} 1/);
    expect(busy.some((client) => client.ended())).toBe(false);
  });
});

test('the connections of a trusted proxy are not limited per address', async () => {
  const gateway = await startGateway({
    instances: [],
    limits: { clientsPerAddress: 1 },
    trustedProxies: ['127.0.0.1'],
    handleLocally: () => Promise.resolve(new Response('own')),
  });
  const clients = Array.from({ length: 5 }, () => rawClient(gateway.port));
  for (const client of clients) {
    client.send(GET.replace(' / ', ' /own '));
    await client.until((text) => text.includes('own'));
  }
  expect(clients.some((client) => client.ended())).toBe(false);
});

/** Waits until a count has stopped growing. */
async function settled(count: () => number) {
  let before = -1;
  let unchanged = 0;
  await eventually(() => {
    unchanged = count() === before && before > 0 ? unchanged + 1 : 0;
    before = count();
    return unchanged === 30;
  });
}
