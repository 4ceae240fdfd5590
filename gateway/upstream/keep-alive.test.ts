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
