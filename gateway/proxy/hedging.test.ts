import { afterEach, describe, expect, test } from 'bun:test';
import { eventually, rawClient, rawUpstream, startTestGateway, type TestSetup } from './test-gateway';

const toStop: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of toStop.splice(0)) await stop();
});

async function gatewayTo(setup: TestSetup) {
  const gateway = await startTestGateway({ ...setup, route: { hedgeMs: 30, ...setup.route } });
  toStop.push(() => gateway.stop());
  return gateway;
}

function upstreamThat(...talk: Parameters<typeof rawUpstream>) {
  const upstream = rawUpstream(...talk);
  toStop.push(upstream.stop);
  return upstream;
}

const saying = (body: string, status = '200 OK') =>
  upstreamThat((_, reply) => reply(`HTTP/1.1 ${status}\r\nContent-Length: ${body.length}\r\n\r\n${body}`));
const silent = () => upstreamThat(() => undefined);

/** An instance that answers when it is told to. */
function patient(body: string) {
  const answers: ((text?: string) => void)[] = [];
  const upstream = upstreamThat((_, reply) => {
    answers.push((text) => reply(text ?? `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`));
  });
  return { ...upstream, answers };
}

describe('a read whose first instance is slow', () => {
  test('is hedged to a second one, whose response is relayed, and the first attempt is cancelled', async () => {
    const first = silent();
    const gateway = await gatewayTo({ instances: [first.port, saying('second').port] });
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
    const first = patient('first');
    const second = patient('second');
    const gateway = await gatewayTo({ instances: [first.port, second.port] });
    const answer = fetch(gateway.url);
    await eventually(() => second.answers.length === 1);
    first.answers[0]?.();
    expect(await (await answer).text()).toBe('first');
    await eventually(() => second.connections[0]?.closed === true);
    await eventually(() => gateway.lines.length === 1);
    expect(gateway.lines[0]).toMatchObject({ instance: 'instance-0' });
  });

  test('continues with the other when one of the two fails', async () => {
    for (const failing of [0, 1]) {
      const instances = [patient('ok'), patient('ok')];
      const gateway = await gatewayTo({ instances: instances.map(({ port }) => port) });
      const answer = fetch(gateway.url);
      await eventually(() => instances.every(({ answers }) => answers.length === 1));
      instances[failing]?.answers[0]?.('HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n');
      await eventually(() => gateway.outcomes.length === 1);
      instances[1 - failing]?.answers[0]?.();
      expect(await (await answer).text()).toBe('ok');
      expect(gateway.outcomes.map(({ result }) => result)).toEqual(['unavailable', 'answered']);
    }
  });

  test('is retried on a third one when both fail', async () => {
    const instances = [patient(''), patient('')];
    const gateway = await gatewayTo({
      instances: [...instances.map(({ port }) => port), saying('third').port],
    });
    const answer = fetch(gateway.url);
    await eventually(() => instances.every(({ answers }) => answers.length === 1));
    for (const { answers } of instances) answers[0]?.('SSH-2.0-hello\r\n');
    expect(await (await answer).text()).toBe('third');
  });
});

describe('no hedge is sent', () => {
  test('for a read that is answered in time', async () => {
    const second = silent();
    const gateway = await gatewayTo({
      instances: [saying('first').port, second.port],
      route: { hedgeMs: 200 },
    });
    for (let request = 0; request < 20; request++) await (await fetch(gateway.url)).text();
    expect(second.connections).toHaveLength(0);
  });

  test.each<[string, RequestInit, number]>([
    ['a request that changes something', { method: 'POST', body: 'x' }, 30],
    ['a request with a body', { method: 'PUT', body: 'x' }, 30],
    ['a route that does not ask for a second', {}, 0],
  ])('for %s', async (_, init, hedgeMs) => {
    const first = patient('first');
    const second = silent();
    const gateway = await gatewayTo({ instances: [first.port, second.port], route: { hedgeMs } });
    const answer = fetch(gateway.url, init);
    await eventually(() => first.answers.length === 1);
    // A hedged read begun later is hedged by now, so that this one would have been, too.
    const other = await gatewayTo({ instances: [silent().port, saying('hedged').port] });
    expect(await (await fetch(other.url)).text()).toBe('hedged');
    first.answers[0]?.();
    expect(await (await answer).text()).toBe('first');
    expect(second.connections).toHaveLength(0);
  });
});

test('hedges are charged to the retry budget', async () => {
  const second = silent();
  const gateway = await gatewayTo({ instances: [silent().port, second.port] });
  const clients = Array.from({ length: 10 }, () => rawClient(gateway.port));
  for (const client of clients) client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await eventually(() => second.connections.length === 3);
  const other = await gatewayTo({ instances: [silent().port, saying('hedged').port] });
  expect(await (await fetch(other.url)).text()).toBe('hedged');
  expect(second.connections).toHaveLength(3);
  for (const client of clients) client.socket.destroy();
  await eventually(() => gateway.retryBudget.inUse() === 0);
});
