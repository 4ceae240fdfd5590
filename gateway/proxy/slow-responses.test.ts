import { expect, test } from 'bun:test';
import { gatewayFixture } from './test-fixture';
import { eventually, rawClient } from './test-gateway';

const { startGateway, startUpstream } = gatewayFixture();

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

/** An instance that sends what the test tells it to, and one that would answer a repeated request. */
function slowly() {
  let send: (text: string) => void = () => undefined;
  const upstream = startUpstream((_, reply) => {
    send = reply;
  });
  const other = startUpstream((_, reply) => reply('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother'));
  return { upstream, other, send: (text: string) => send(text) };
}

test.each([
  ['with a length', 'Content-Length: 3', ['a', 'b', 'c']],
  ['in chunks', 'Transfer-Encoding: chunked', ['1\r\na\r\n', '1\r\nb\r\n', '1\r\nc\r\n0\r\n\r\n']],
])('a small response %s is relayed as it arrives, and requested once', async (_, framing, parts) => {
  const { upstream, other, send } = slowly();
  const gateway = await startGateway({
    instances: [upstream.port, other.port],
    route: { tryTimeoutMs: 200 },
  });
  const client = rawClient(gateway.port);
  client.send(GET);
  await eventually(() => upstream.connections.length === 1);
  send(`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n`);
  let received = '';
  for (const part of parts) {
    send(part);
    received += part;
    // The next part is sent only once the client has this one.
    await client.until((text) => text.endsWith(received));
  }
  await eventually(() => gateway.lines.length === 1);
  expect(gateway.lines[0]).toMatchObject({ status: 200, retries: 0, instance: 'instance-0' });
  expect(other.connections).toHaveLength(0);
});

test('a head that arrives in parts extends the deadline of its attempt', async () => {
  const { upstream, other, send } = slowly();
  const gateway = await startGateway({
    instances: [upstream.port, other.port],
    route: { tryTimeoutMs: 1_500 },
  });
  const client = rawClient(gateway.port);
  client.send(GET);
  await eventually(() => upstream.connections.length === 1);
  const lines = ['HTTP/1.1 102 Processing\r\n\r\n', 'HTTP/1.1 200 OK\r\n', 'X-A: b\r\n', 'X-C: d\r\n'];
  for (const line of lines) {
    send(line);
    // The promise is about elapsed time: together the pauses exceed the timeout.
    await Bun.sleep(600);
  }
  send('Content-Length: 4\r\n\r\nslow');
  expect(await client.until((text) => text.endsWith('slow'))).toContain('X-C: d\r\n');
  expect(other.connections).toHaveLength(0);
});

test.each([
  ['not HTTP', 'SSH-2.0-hello\r\n', false, 'A response must begin with HTTP/1.1 or HTTP/1.0'],
  ['an invalid header line', 'HTTP/1.1 200 OK\r\nno colon\r\n\r\n', false, 'A header line must be'],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n', false, 'Repeated'],
  ['nothing', '', true, 'closed before the response'],
  ['half a head', 'HTTP/1.1 200 OK\r\nX-', true, 'closed within the response head'],
  [
    'a part of its body',
    'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx',
    true,
    'before the end of the response body',
  ],
  ['an unsolicited 101', 'HTTP/1.1 101 Switching\r\n\r\n', false, 'a protocol that was not requested'],
])('the reason of a 502 is logged and explained: %s', async (_, bytes, closes, reason) => {
  const upstream = startUpstream((__, reply, end) => {
    if (bytes !== '') reply(bytes);
    if (closes) end();
  });
  const gateway = await startGateway({ instances: [upstream.port] });
  const response = await fetch(gateway.url, { method: 'POST' });
  expect(response.status).toBe(502);
  expect(await response.text()).not.toContain(reason);
  await eventually(() => gateway.lines.length === 1);
  expect(gateway.lines[0]).toMatchObject({ status: 502, failure: expect.stringContaining(reason) });
  const [explained] = gateway.recent.explain(response.headers.get('x-request-id') ?? '').requests;
  expect(explained?.tries[0]).toMatchObject({ failure: expect.stringContaining(reason) });
});
