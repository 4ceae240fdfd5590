import { describe, expect, test } from 'bun:test';
import { gatewayFixture } from './test-fixture';
import { closedPort, eventually, rawClient, startTestGateway } from './test-gateway';

const { startGateway, startUpstream, stopAfter } = gatewayFixture();

const respondingWith = (status: string, body: string) =>
  startUpstream((_, reply) => reply(`HTTP/1.1 ${status}\r\nContent-Length: ${body.length}\r\n\r\n${body}`));
const silentUpstream = () => startUpstream(() => undefined);
const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

describe('a request is retried on another instance', () => {
  test('when the first is unreachable, with any method: it has received nothing', async () => {
    const second = respondingWith('200 OK', 'second');
    const gateway = await startGateway({ instances: [closedPort(), second.port] });
    for (const method of ['GET', 'POST']) {
      const response = await fetch(gateway.url, { method, ...(method === 'POST' && { body: 'x' }) });
      expect(await response.text()).toBe('second');
    }
    expect(gateway.outcomes.map(({ result }) => result)).toEqual([
      'unreachable',
      'answered',
      'unreachable',
      'answered',
    ]);
    await eventually(() => gateway.lines.length === 2);
    expect(gateway.lines[0]).toMatchObject({ retries: 1, instance: 'instance-1' });
  });

  test.each([502, 503, 504])(
    'when an idempotent one is answered with %d, including its body',
    async (status) => {
      const first = respondingWith(`${status} Bad`, 'first');
      const second = startUpstream((received, reply) => {
        if (received.endsWith('body')) reply('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond');
      });
      const gateway = await startGateway({ instances: [first.port, second.port] });
      const response = await fetch(gateway.url, { method: 'PUT', body: 'body' });
      expect(await response.text()).toBe('second');
    },
  );

  test('when the first times out', async () => {
    const second = respondingWith('200 OK', 'second');
    const gateway = await startGateway({
      instances: [silentUpstream().port, second.port],
      route: { tryTimeoutMs: 100 },
    });
    expect(await (await fetch(gateway.url)).text()).toBe('second');
  });

  test('when the first closes before its response', async () => {
    const first = startUpstream((_, __, ___, reset) => reset());
    const second = respondingWith('200 OK', 'second');
    const gateway = await startGateway({ instances: [first.port, second.port] });
    expect(await (await fetch(gateway.url)).text()).toBe('second');
  });

  test('but not when it is not idempotent', async () => {
    const first = respondingWith('503 Busy', 'first');
    const second = respondingWith('200 OK', 'second');
    const gateway = await startGateway({ instances: [first.port, second.port] });
    const response = await fetch(gateway.url, { method: 'POST', body: 'x' });
    expect([response.status, await response.text()]).toEqual([503, 'first']);
    expect(second.connections).toHaveLength(0);
  });

  test('but not when its body exceeds the replay limit', async () => {
    const first = startUpstream((received, reply) => {
      if (received.endsWith('end')) reply('HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n');
    });
    const second = respondingWith('200 OK', 'second');
    const gateway = await startGateway({ instances: [first.port, second.port] });
    const response = await fetch(gateway.url, { method: 'PUT', body: `${'x'.repeat(100_000)}end` });
    expect(response.status).toBe(503);
  });

  test('but only within the retry budget', async () => {
    const second = silentUpstream();
    const gateway = await startGateway({
      instances: [respondingWith('503 Busy', 'first').port, second.port],
    });
    const clients = Array.from({ length: 10 }, () => rawClient(gateway.port));
    for (const client of clients) client.send(GET);
    // Ten are active: three may be retried, seven receive the response of the first.
    await eventually(() => clients.filter((client) => client.received().includes('503')).length === 7);
    expect(second.connections).toHaveLength(3);
    for (const client of clients) client.socket.destroy();
  });
});

test.each<[string, (reply: (text: string) => void, end: () => void, reset: () => void) => void]>([
  ['closes', (_, end) => end()],
  ['is reset', (_, __, reset) => reset()],
])('a small response that %s before it is complete is retried', async (_, stop) => {
  const first = startUpstream((_, reply, end, reset) => {
    reply('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf');
    setTimeout(() => stop(reply, end, reset), 20);
  });
  const gateway = await startGateway({ instances: [first.port, respondingWith('200 OK', 'whole').port] });
  expect(await (await fetch(gateway.url)).text()).toBe('whole');
  expect(gateway.outcomes.map(({ result }) => result)).toEqual(['broken', 'answered']);
});

test('a small response in parts is reassembled, and the next one follows it', async () => {
  const pieces = ['HTTP/1.1 200 OK\r\nContent-Le', 'ngth: 6\r\n\r\n', 'ab', 'c', 'def'];
  const upstream = startUpstream((_, reply) => {
    for (const [index, piece] of pieces.entries()) setTimeout(() => reply(piece), index * 10);
  });
  const gateway = await startGateway({ instances: [upstream.port] });
  for (let request = 0; request < 3; request++)
    expect(await (await fetch(gateway.url)).text()).toBe('abcdef');
  expect(upstream.connections).toHaveLength(1);
});

test('a timed-out attempt with a spent budget is retried once the budget allows', async () => {
  const second = respondingWith('200 OK', 'second');
  const gateway = await startGateway({
    instances: [silentUpstream().port, second.port],
    route: { tryTimeoutMs: 50 },
  });
  // Ten at once: three may be retrying at a time, the others a moment later.
  const answers = await Promise.all(
    Array.from({ length: 10 }, async () => (await fetch(gateway.url)).text()),
  );
  expect(answers).toEqual(Array.from({ length: 10 }, () => 'second'));
});

test('an unreachable instance fails no request, at any concurrency and method', async () => {
  const second = respondingWith('200 OK', 'second');
  const gateway = await startGateway({ instances: [closedPort(), second.port] });
  const answers = await Promise.all(
    Array.from({ length: 40 }, async (_, number) => {
      const response = await fetch(gateway.url, { method: number % 2 === 0 ? 'GET' : 'POST' });
      return response.text();
    }),
  );
  expect(answers).toEqual(Array.from({ length: 40 }, () => 'second'));
  expect(gateway.retryBudget.inUse()).toBe(0);
});

test('a stale pooled connection fails no idempotent request', async () => {
  let answered = 0;
  const upstream = startUpstream((_, reply, __, reset) => {
    // Closes exactly when the second request of a connection arrives.
    if (answered++ === 1) reset();
    else reply('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  });
  const gateway = await startGateway({ instances: [upstream.port] });
  expect(await (await fetch(gateway.url)).text()).toBe('ok');
  expect(await (await fetch(gateway.url)).text()).toBe('ok');
  expect(upstream.connections).toHaveLength(2);
  expect(gateway.outcomes.every(({ result }) => result === 'answered')).toBe(true);
});

describe('without a response to relay, the client receives', () => {
  test.each<[string, () => number, number, string]>([
    ['no instance is reachable', closedPort, 503, 'service.unavailable'],
    ['the response is not HTTP', () => answeringWith('SSH-2.0-hello\r\n'), 502, 'upstream.bad-response'],
    [
      'an unsolicited protocol switch',
      () => answeringWith('HTTP/1.1 101 Switch\r\n\r\n'),
      502,
      'upstream.bad-response',
    ],
    ['the response times out', () => silentUpstream().port, 504, 'upstream.timeout'],
  ])('%s', async (_, port, status, code) => {
    const gateway = await startGateway({
      instances: [port()],
      route: { tryTimeoutMs: 50, requestTimeoutMs: 150 },
    });
    const response = await fetch(gateway.url);
    const problem: unknown = await response.json();
    expect(response.status).toBe(status);
    expect(problem).toMatchObject({ code, status, request_id: response.headers.get('x-request-id') });
    if (status === 503) expect(response.headers.get('retry-after')).toBe('1');
  });
});

const answeringWith = (bytes: string) => startUpstream((_, reply) => reply(bytes)).port;

describe('a client', () => {
  test('that disconnects cancels its upstream request', async () => {
    const upstream = silentUpstream();
    const gateway = await startGateway({ instances: [upstream.port] });
    const leaving = new AbortController();
    const answer = fetch(gateway.url, { signal: leaving.signal }).catch(() => 'left');
    await eventually(() => upstream.connections.length === 1);
    leaving.abort();
    expect(await answer).toBe('left');
    await eventually(() => upstream.connections[0]?.closed === true);
    await eventually(() => gateway.lines.length === 1);
    expect(gateway.lines[0]).toMatchObject({ status: 499 });
    // Not a failure of the instance.
    expect(gateway.outcomes).toEqual([{ instanceId: 'instance-0', result: 'abandoned' }]);
  });

  test('that has half-closed gets its response, however late', async () => {
    let answer: () => void = () => undefined;
    const upstream = startUpstream((_, reply) => {
      answer = () => reply('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate');
    });
    const gateway = await startGateway({ instances: [upstream.port], limits: { probeMs: 50 } });
    const client = rawClient(gateway.port);
    client.socket.end(GET);
    await client.until((text) => text.split('100 Continue').length > 3);
    answer();
    const text = await client.untilClosed();
    expect(text).toContain('HTTP/1.1 200 OK\r\n');
    expect(text).toEndWith('late');
    expect(gateway.outcomes).toEqual([{ instanceId: 'instance-0', result: 'answered' }]);
  });

  test('that half-closes and then disconnects cancels its upstream request', async () => {
    const upstream = silentUpstream();
    const gateway = await startGateway({ instances: [upstream.port], limits: { probeMs: 50 } });
    const client = rawClient(gateway.port);
    client.socket.end(GET);
    await eventually(() => upstream.connections.length === 1);
    client.socket.destroy();
    await eventually(() => upstream.connections[0]?.closed === true);
    await eventually(() => gateway.lines.length === 1);
    expect(gateway.lines[0]).toMatchObject({ status: 499 });
  });

  test('that does not complete its head in time is disconnected', async () => {
    const gateway = await startGateway({ instances: [], limits: { headMs: 100 } });
    const client = rawClient(gateway.port);
    client.send('GET / HTTP/1.1\r\n');
    expect(await client.untilClosed()).toStartWith('HTTP/1.1 408 ');
  });

  test('that stalls its body is disconnected', async () => {
    const gateway = await startGateway({
      instances: [silentUpstream().port],
      limits: { bodyProgressMs: 100 },
    });
    const client = rawClient(gateway.port);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\nx');
    await client.untilClosed();
    await eventually(() => gateway.lines.length === 1);
  });

  test('that does not read is disconnected', async () => {
    const endless = Buffer.alloc(64 * 1024 * 1024, 'x');
    const server = Bun.serve({ port: 0, fetch: () => new Response(endless) });
    stopAfter(() => server.stop(true));
    const gateway = await startGateway({ instances: [server.port ?? 0], limits: { writeStallMs: 200 } });
    const client = rawClient(gateway.port);
    client.socket.pause();
    client.send(GET);
    await eventually(() => gateway.lines.length === 1);
    expect(gateway.lines[0]).toMatchObject({ status: 499 });
    client.socket.destroy();
  });

  test('that stays idle is closed after the timeout', async () => {
    const gateway = await startGateway({ instances: [], limits: { headMs: 100 } });
    expect(await rawClient(gateway.port).untilClosed()).toBe('');
  });
});

describe('a gateway that shuts down', () => {
  test('completes requests in flight with Connection: close, and closes idle connections', async () => {
    const upstream = startUpstream((_, reply) => {
      setTimeout(() => reply('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate'), 200);
    });
    const gateway = await startTestGateway({ instances: [upstream.port] });
    const [running, idle] = [rawClient(gateway.port), rawClient(gateway.port)];
    running.send(GET);
    await eventually(() => upstream.connections.length === 1);
    const stopped = gateway.stop(5_000);
    expect(await idle.untilClosed()).toBe('');
    const text = await running.untilClosed();
    expect(text).toContain('Connection: close\r\n');
    expect(text).toEndWith('late');
    await stopped;
    await expect(rawClient(gateway.port).untilClosed()).resolves.toBe('');
  });

  test('resets connections after the drain timeout', async () => {
    const upstream = silentUpstream();
    const gateway = await startTestGateway({ instances: [upstream.port] });
    const client = rawClient(gateway.port);
    client.send(GET);
    await eventually(() => upstream.connections.length === 1);
    await gateway.stop(100);
    await client.untilClosed();
  });
});
