import { describe, expect, test } from 'bun:test';
import { gatewayFixture } from './test-fixture';
import { eventually, rawClient, type TestSetup } from './test-gateway';

const { startGateway, startUpstream } = gatewayFixture();

const startHedging = (setup: TestSetup) => startGateway({ ...setup, route: { hedgeMs: 30, ...setup.route } });

const respondingWith = (body: string, status = '200 OK') =>
  startUpstream((_, reply) => reply(`HTTP/1.1 ${status}\r\nContent-Length: ${body.length}\r\n\r\n${body}`));
const silentUpstream = () => startUpstream(() => undefined);

/** An instance that responds on demand. */
function manualUpstream(body: string) {
  const respond: ((text?: string) => void)[] = [];
  const upstream = startUpstream((_, reply) => {
    respond.push((text) => reply(text ?? `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`));
  });
  return { ...upstream, respond };
}

describe('a read whose first instance is slow', () => {
  test('is hedged to a second one, whose response is relayed, and the first attempt is cancelled', async () => {
    const first = silentUpstream();
    const gateway = await startHedging({ instances: [first.port, respondingWith('second').port] });
    expect(await (await fetch(gateway.url)).text()).toBe('second');
    await eventually(() => first.connections[0]?.closed === true);
    expect(gateway.outcomes).toEqual([
      { instanceId: 'instance-0', result: 'abandoned' },
      { instanceId: 'instance-1', result: 'answered' },
    ]);
    await eventually(() => gateway.lines.length === 1);
    expect(gateway.lines[0]).toMatchObject({ retries: 1, instance: 'instance-1' });
    expect(gateway.retryBudget.inUse()).toBe(0);
  });

  test('relays the response of the first when it arrives first', async () => {
    const first = manualUpstream('first');
    const second = manualUpstream('second');
    const gateway = await startHedging({ instances: [first.port, second.port] });
    const answer = fetch(gateway.url);
    await eventually(() => second.respond.length === 1);
    first.respond[0]?.();
    expect(await (await answer).text()).toBe('first');
    await eventually(() => second.connections[0]?.closed === true);
    await eventually(() => gateway.lines.length === 1);
    expect(gateway.lines[0]).toMatchObject({ instance: 'instance-0' });
  });

  test('continues with the other when one of the two fails', async () => {
    for (const failing of [0, 1]) {
      const instances = [manualUpstream('ok'), manualUpstream('ok')];
      const gateway = await startHedging({ instances: instances.map(({ port }) => port) });
      const answer = fetch(gateway.url);
      await eventually(() => instances.every(({ respond }) => respond.length === 1));
      instances[failing]?.respond[0]?.('HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n');
      await eventually(() => gateway.outcomes.length === 1);
      instances[1 - failing]?.respond[0]?.();
      expect(await (await answer).text()).toBe('ok');
      expect(gateway.outcomes.map(({ result }) => result)).toEqual(['unavailable', 'answered']);
    }
  });

  test('is retried on a third one when both fail', async () => {
    const instances = [manualUpstream(''), manualUpstream('')];
    const gateway = await startHedging({
      instances: [...instances.map(({ port }) => port), respondingWith('third').port],
    });
    const answer = fetch(gateway.url);
    await eventually(() => instances.every(({ respond }) => respond.length === 1));
    for (const { respond } of instances) respond[0]?.('SSH-2.0-hello\r\n');
    expect(await (await answer).text()).toBe('third');
  });
});

describe('no hedge is sent', () => {
  test('for a read that is answered in time', async () => {
    const second = silentUpstream();
    const gateway = await startHedging({
      instances: [respondingWith('first').port, second.port],
      route: { hedgeMs: 200 },
    });
    for (let request = 0; request < 20; request++) await (await fetch(gateway.url)).text();
    expect(second.connections).toHaveLength(0);
  });

  test.each<[string, RequestInit, number]>([
    ['a non-idempotent request', { method: 'POST', body: 'x' }, 30],
    ['a request with a body', { method: 'PUT', body: 'x' }, 30],
    ['a route without hedging', {}, 0],
  ])('for %s', async (_, init, hedgeMs) => {
    const first = manualUpstream('first');
    const second = silentUpstream();
    const gateway = await startHedging({ instances: [first.port, second.port], route: { hedgeMs } });
    const answer = fetch(gateway.url, init);
    await eventually(() => first.respond.length === 1);
    // A later read is hedged by now, so this one would have been, too.
    const other = await startHedging({ instances: [silentUpstream().port, respondingWith('hedged').port] });
    expect(await (await fetch(other.url)).text()).toBe('hedged');
    first.respond[0]?.();
    expect(await (await answer).text()).toBe('first');
    expect(second.connections).toHaveLength(0);
  });
});

test('hedges are charged to the retry budget', async () => {
  const second = silentUpstream();
  const gateway = await startHedging({ instances: [silentUpstream().port, second.port] });
  const clients = Array.from({ length: 10 }, () => rawClient(gateway.port));
  for (const client of clients) client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await eventually(() => second.connections.length === 3);
  const other = await startHedging({ instances: [silentUpstream().port, respondingWith('hedged').port] });
  expect(await (await fetch(other.url)).text()).toBe('hedged');
  expect(second.connections).toHaveLength(3);
  for (const client of clients) client.socket.destroy();
  await eventually(() => gateway.retryBudget.inUse() === 0);
});
