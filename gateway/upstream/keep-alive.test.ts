import { describe, expect, test } from 'bun:test';
import { gatewayFixture } from '../proxy/test-fixture';
import { eventually, type TestSetup } from '../proxy/test-gateway';

const { startGateway, startUpstream } = gatewayFixture();

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n';

async function gatewayTo(headerLines: string, setup: Partial<TestSetup> = {}) {
  const upstream = startUpstream((_, reply) => reply(`${OK}${headerLines}\r\nok`));
  const gateway = await startGateway({ instances: [upstream.port], ...setup });
  const send = async (method: string, headers: Record<string, string> = {}) => {
    const response = await fetch(gateway.url, { method, headers, ...(method !== 'GET' && { body: 'x' }) });
    return `${response.status} ${await response.text()}`;
  };
  return { upstream, gateway, send };
}

describe('an idle connection', () => {
  test('is closed before the server would, as its Keep-Alive says', async () => {
    const { upstream, send } = await gatewayTo('Keep-Alive: max=100, timeout=1\r\n', {
      limits: { upstreamIdleMs: 600_000 },
    });
    expect(await send('GET')).toBe('200 ok');
    await eventually(() => upstream.connections[0]?.closed === true);
  });

  test('is not used again where the server keeps none', async () => {
    const { upstream, send } = await gatewayTo('Keep-Alive: timeout=0\r\n');
    for (let request = 0; request < 2; request++) expect(await send('GET')).toBe('200 ok');
    expect(upstream.connections).toHaveLength(2);
  });

  test('is used again within the time of the server and of the gateway', async () => {
    const { upstream, send } = await gatewayTo('Keep-Alive: timeout=600\r\n');
    for (let request = 0; request < 2; request++) expect(await send('GET')).toBe('200 ok');
    expect(upstream.connections).toHaveLength(1);
  });

  test('is never used again where the gateway keeps none', async () => {
    const { upstream, send } = await gatewayTo('', { limits: { upstreamIdleMs: 0 } });
    for (let request = 0; request < 2; request++) expect(await send('GET')).toBe('200 ok');
    expect(upstream.connections).toHaveLength(2);
  });
});

describe('a request that must not be sent twice', () => {
  test('uses no connection that was idle for long', async () => {
    const { upstream, send } = await gatewayTo('', { limits: { upstreamFreshMs: 0 } });
    for (const method of ['GET', 'GET', 'POST', 'PATCH']) expect(await send(method)).toBe('200 ok');
    expect(upstream.connections).toHaveLength(3);
  });

  test('uses one that was not', async () => {
    const { upstream, send } = await gatewayTo('', { limits: { upstreamFreshMs: 60_000 } });
    for (const method of ['GET', 'POST', 'POST']) expect(await send(method)).toBe('200 ok');
    expect(upstream.connections).toHaveLength(1);
  });

  test.each([
    ['fails when its reused connection is lost', {}, {}, '502'],
    ['fails with an Idempotency-Key that its route ignores', { 'Idempotency-Key': 'k' }, {}, '502'],
    ['fails without a key on a route that honours one', {}, { honoursIdempotencyKey: true }, '502'],
    [
      'is sent again with an Idempotency-Key that its route honours',
      { 'Idempotency-Key': 'k' },
      { honoursIdempotencyKey: true },
      '200',
    ],
  ])('%s', async (_, headers, decision, status) => {
    let requests = 0;
    // The second request of the first connection is lost.
    const upstream = startUpstream((__, reply, ___, reset) => {
      if (++requests === 2) reset();
      else reply(`${OK}\r\nok`);
    });
    const gateway = await startGateway({
      instances: [upstream.port],
      limits: { upstreamFreshMs: 60_000 },
      decision,
    });
    await (await fetch(gateway.url)).text();
    const response = await fetch(gateway.url, { method: 'POST', body: 'x', headers });
    expect(String(response.status)).toBe(status);
  });
});

test('no POST is lost at a server that closes idle connections, however long the pauses between them are', async () => {
  const idleMs = 200;
  /** What has arrived is read before a connection counts as idle, also when this process was held up. */
  const graceMs = 50;
  const served = new Set<string>();
  // The worst of the race: each close is still under way when the next request arrives, which is lost.
  const upstream = Bun.listen<{ text: string; isClosed: boolean; timer: Timer | null }>({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      open(socket) {
        socket.data = { text: '', isClosed: false, timer: null };
      },
      data(socket, bytes) {
        const { data } = socket;
        if (data.timer !== null) clearTimeout(data.timer);
        if (data.isClosed) return void socket.terminate();
        data.text += bytes.toString('latin1');
        if (!data.text.endsWith('\r\n\r\nx')) return;
        served.add(data.text.split(' ')[1] ?? '');
        data.text = '';
        socket.write(`${OK}\r\nok`);
        data.timer = setTimeout(() => {
          data.timer = setTimeout(() => {
            data.isClosed = true;
          }, graceMs);
        }, idleMs);
      },
    },
  });
  const { url } = await startGateway({ instances: [upstream.port], limits: { upstreamFreshMs: idleMs / 2 } });
  const failed: string[] = [];
  const clients = Array.from({ length: 15 }, async (_, client) => {
    for (let turn = 0; turn < 10; turn++) {
      const response = await fetch(`${url}/${client}-${turn}`, { method: 'POST', body: 'x' });
      if (response.status !== 200) failed.push(`${response.status} ${await response.text()}`);
      // Now within the time, now around its end and after it.
      await Bun.sleep(turn % 2 === 0 ? client : idleMs + 10 * client);
    }
  });
  await Promise.all(clients);
  upstream.stop(true);
  expect(failed).toEqual([]);
  expect(served.size).toBe(150);
});
