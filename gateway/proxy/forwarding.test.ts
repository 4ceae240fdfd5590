import { describe, expect, test } from 'bun:test';
import { gatewayFixture } from './test-fixture';
import { eventually, rawClient } from './test-gateway';

const { startGateway, startUpstream, stopAfter } = gatewayFixture();

/** Echoes every complete request head. */
const echoHead = () =>
  startUpstream((received, reply) => {
    if (!received.endsWith('\r\n\r\n')) return;
    const head = received.slice(received.lastIndexOf('\r\n\r\n', received.length - 5) + 1).trimStart();
    reply(`HTTP/1.1 200 OK\r\nContent-Length: ${head.length}\r\n\r\n${head}`);
  });

function bunUpstream(fetch: (request: Request) => Response | Promise<Response>) {
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', idleTimeout: 0, fetch });
  stopAfter(() => server.stop(true));
  return server.port ?? 0;
}

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const count = (text: string, part: string) => text.split(part).length - 1;

describe('the forwarded request', () => {
  test('never has client-supplied gateway fields', async () => {
    const upstream = echoHead();
    const gateway = await startGateway({ instances: [upstream.port] });
    const client = rawClient(gateway.port);
    client.send(
      [
        'GET / HTTP/1.1',
        'Host: shop.example',
        'X-User-Id: evil',
        'X_User_Id: evil',
        'x-internal-role: evil',
        'X-Forwarded-For: 6.6.6.6',
        'X_Forwarded_For: 6.6.6.6',
        'Forwarded: for=6.6.6.6',
        'X-Forwarded-Prefix: evil',
        'X-Real-IP: 6.6.6.6',
        'Proxy: evil',
        'Keep-Alive: evil',
        'TE: evil',
        'Secret: evil',
        'Upgrade: h2c',
        'Connection: Secret, X-Forwarded-Host, Upgrade',
        'Accept: text/html',
        '\r\n',
      ].join('\r\n'),
    );
    const seen = await client.until((text) => text.includes('\r\n\r\nGET '));
    expect(seen).not.toContain('evil');
    expect(seen).not.toContain('6.6.6.6');
    expect(seen).not.toContain('h2c');
    expect(seen).toContain('X-Forwarded-For: 127.0.0.1\r\n');
    expect(seen).toContain('X-Forwarded-Host: shop.example\r\n');
    expect(seen).toContain('Forwarded: for=127.0.0.1;host="shop.example";proto=http\r\n');
    expect(seen).toContain('Accept: text/html\r\n');
  });

  test('names the client of a trusted proxy, not one before an untrusted address', async () => {
    const upstream = echoHead();
    const gateway = await startGateway({ instances: [upstream.port], trustedProxies: ['127.0.0.0/8'] });
    const client = rawClient(gateway.port);
    client.send(
      'GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1, 2.2.2.2\r\nX-Forwarded-Proto: https\r\n\r\n',
    );
    const seen = await client.until((text) => text.includes('\r\n\r\nGET '));
    expect(seen).toContain('X-Forwarded-For: 2.2.2.2, 127.0.0.1\r\n');
    expect(seen).toContain('X-Forwarded-Proto: https\r\n');
  });

  test('continues a well-formed request id and trace, and generates new ones otherwise', async () => {
    const upstream = echoHead();
    const gateway = await startGateway({ instances: [upstream.port] });
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
    const client = rawClient(gateway.port);
    client.send(
      `GET / HTTP/1.1\r\nHost: a\r\nX-Request-ID: abc-12345\r\ntraceparent: 00-${trace}-00f067aa0ba902b7-01\r\n\r\n`,
    );
    const seen = await client.until((text) => text.includes('\r\n\r\nGET '));
    expect(count(seen, 'X-Request-ID: abc-12345\r\n')).toBe(2);
    expect(seen).toContain(`traceparent: 00-${trace}-`);
    expect(seen).not.toContain('00f067aa0ba902b7');
    const other = rawClient(gateway.port);
    other.send('GET / HTTP/1.1\r\nHost: a\r\nX-Request-ID: a b\r\ntraceparent: 00-zz\r\n\r\n');
    const started = await other.until((text) => text.includes('\r\n\r\nGET '));
    expect(started).toMatch(/traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-01\r\n/);
    expect(started).not.toContain('X-Request-ID: a b');
  });
});

describe('requests on one connection', () => {
  test('are answered in order when pipelined', async () => {
    const port = bunUpstream(async (request) => {
      const { pathname } = new URL(request.url);
      if (pathname === '/1') await Bun.sleep(50);
      return new Response(`answer${pathname}`);
    });
    const gateway = await startGateway({ instances: [port] });
    const client = rawClient(gateway.port);
    client.send([1, 2, 3, 4, 5].map((n) => `GET /${n} HTTP/1.1\r\nHost: a\r\n\r\n`).join(''));
    const text = await client.until((received) => received.includes('answer/5'));
    expect(text.match(/answer\/\d/g)).toEqual(['answer/1', 'answer/2', 'answer/3', 'answer/4', 'answer/5']);
  });

  test('with bodies are kept apart', async () => {
    const port = bunUpstream(async (request) => new Response(`<${await request.text()}>`));
    const gateway = await startGateway({ instances: [port] });
    const client = rawClient(gateway.port);
    const post = 'POST / HTTP/1.1\r\nHost: a\r\n';
    client.send(`${post}Content-Length: 3\r\n\r\none${post}Transfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n`);
    await client.until((received) => received.includes('<one>'));
    client.send(`0\r\n\r\n${post}Content-Length: 5\r\n\r\nthree`);
    const text = await client.until((received) => received.includes('<three>'));
    expect(text.match(/<\w+>/g)).toEqual(['<one>', '<two>', '<three>']);
  });

  test('reuse one upstream connection', async () => {
    const upstream = echoHead();
    const gateway = await startGateway({ instances: [upstream.port] });
    for (let round = 0; round < 5; round++) await (await fetch(gateway.url)).text();
    expect(upstream.connections.length).toBe(1);
  });

  test('of a half-closed client are answered', async () => {
    const port = bunUpstream(async () => {
      await Bun.sleep(100);
      return new Response('late');
    });
    const gateway = await startGateway({ instances: [port] });
    const client = rawClient(gateway.port);
    client.socket.end(GET + GET);
    expect(count(await client.untilClosed(), 'late')).toBe(2);
  });
});

describe('a response', () => {
  test('to HEAD has the length and no body, and the connection is kept alive', async () => {
    const port = bunUpstream(() => new Response('12345'));
    const gateway = await startGateway({ instances: [port] });
    const client = rawClient(gateway.port);
    client.send(`HEAD / HTTP/1.1\r\nHost: a\r\n\r\n${GET}`);
    const text = await client.until((received) => received.endsWith('12345'));
    expect(count(text.toLowerCase(), 'content-length: 5')).toBe(2);
    expect(count(text, '12345')).toBe(1);
  });

  test('in chunks keeps its permitted trailers; those of a request are dropped', async () => {
    const upstream = startUpstream((received, reply) => {
      if (!received.endsWith('\r\n0\r\n\r\n')) return;
      reply(
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;ext=1\r\nabc\r\n0\r\nDown-Sum: 2\r\nSet-Cookie: a=b\r\nContent-Length: 9\r\nX-Request-ID: y\r\n\r\n',
      );
    });
    const gateway = await startGateway({ instances: [upstream.port] });
    const client = rawClient(gateway.port);
    client.send(
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-User-Id: 7\r\nUp-Sum: 1\r\n\r\n',
    );
    expect(await client.until((text) => text.includes('Down-Sum'))).toEndWith(
      '\r\n\r\n3\r\nabc\r\n0\r\nDown-Sum: 2\r\n\r\n',
    );
    expect(upstream.connections[0]?.received).not.toContain('Up-Sum');
  });

  test('in chunks is sent to HTTP/1.0 without chunks, until close', async () => {
    const upstream = startUpstream((_, reply) =>
      reply('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n'),
    );
    const gateway = await startGateway({ instances: [upstream.port] });
    const client = rawClient(gateway.port);
    client.send('GET / HTTP/1.0\r\n\r\n');
    const text = await client.untilClosed();
    expect(text).toEndWith('\r\n\r\nabcde');
    expect(text).not.toContain('chunked');
  });

  test('until close is forwarded in chunks', async () => {
    const upstream = startUpstream((_, reply, end) => {
      reply('HTTP/1.1 200 OK\r\n\r\nabc');
      end();
    });
    const gateway = await startGateway({ instances: [upstream.port] });
    const client = rawClient(gateway.port);
    client.send(GET);
    expect(await client.until((text) => text.endsWith('0\r\n\r\n'))).toContain('3\r\nabc\r\n');
  });

  test("that is truncated resets the client's connection", async () => {
    const upstream = startUpstream((_, reply, __, reset) => {
      reply('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n');
      setTimeout(reset, 50);
    });
    const gateway = await startGateway({ instances: [upstream.port] });
    const client = rawClient(gateway.port);
    client.send(GET);
    expect(await client.untilClosed()).not.toContain('0\r\n\r\n');
    expect(gateway.outcomes).toEqual([{ instanceId: 'instance-0', result: 'broken' }]);
  });

  test('is forwarded compressed', async () => {
    const packed = Bun.gzipSync(Buffer.from('hello'));
    const port = bunUpstream(() => new Response(packed, { headers: { 'content-encoding': 'gzip' } }));
    const gateway = await startGateway({ instances: [port] });
    const response = await fetch(gateway.url, { decompress: false });
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(packed);
  });

  test('may be preceded by interim ones', async () => {
    const upstream = startUpstream((_, reply) =>
      reply(
        'HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
      ),
    );
    const gateway = await startGateway({ instances: [upstream.port] });
    const client = rawClient(gateway.port);
    client.send(GET);
    const text = await client.until((received) => received.endsWith('ok'));
    expect(text).toStartWith('HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\n');
  });

  test('is preceded by 100 Continue where the client expects it', async () => {
    const port = bunUpstream(async (request) => new Response(await request.text()));
    const gateway = await startGateway({ instances: [port] });
    const client = rawClient(gateway.port);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n');
    await client.until((text) => text.startsWith('HTTP/1.1 100 Continue\r\n\r\n'));
    client.send('body');
    expect(await client.until((text) => text.endsWith('body'))).toContain('HTTP/1.1 200 OK');
  });
});

describe('a body', () => {
  test('declared too large is rejected before it is forwarded', async () => {
    const upstream = echoHead();
    const gateway = await startGateway({ instances: [upstream.port], route: { bodyBytes: 10 } });
    const client = rawClient(gateway.port);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n');
    const text = await client.untilClosed();
    expect(text).toStartWith('HTTP/1.1 413 ');
    expect(text).toContain('"code":"request.too-large"');
    expect(upstream.connections.length).toBe(0);
  });

  test('that exceeds the limit is aborted on both sides', async () => {
    const upstream = startUpstream(() => undefined);
    const gateway = await startGateway({ instances: [upstream.port], route: { bodyBytes: 10 } });
    const client = rawClient(gateway.port);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\naaaaa\r\n');
    await eventually(() => upstream.connections.length === 1);
    client.send('6\r\nbbbbbb\r\n');
    expect(await client.untilClosed()).toStartWith('HTTP/1.1 413 ');
    await eventually(() => upstream.connections[0]?.closed === true);
  });
});

describe('local responses', () => {
  test("receive the request as sent, with the client's address", async () => {
    const gateway = await startGateway({
      instances: [],
      handleLocally: async (request, address) =>
        new Response(`${request.method} ${await request.text()} ${address}`, { status: 201 }),
    });
    const response = await fetch(`${gateway.url}/own/x`, { method: 'POST', body: 'hello' });
    expect([response.status, await response.text()]).toEqual([201, 'POST hello 127.0.0.1']);
  });

  test('are 500 without internal details when the handler fails', async () => {
    const gateway = await startGateway({
      instances: [],
      handleLocally: () => Promise.reject(new Error('secret')),
    });
    const response = await fetch(`${gateway.url}/own`);
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('secret');
  });
});

test('a response without a Date is dated, another keeps its own', async () => {
  const upstream = startUpstream((received, reply) => {
    const date = received.includes('GET /dated') ? 'Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n' : '';
    reply(`HTTP/1.1 200 OK\r\n${date}Content-Length: 0\r\nConnection: close\r\n\r\n`);
  });
  const gateway = await startGateway({ instances: [upstream.port] });
  expect((await fetch(`${gateway.url}/dated`)).headers.get('date')).toBe('Thu, 01 Jan 2026 00:00:00 GMT');
  const date = (await fetch(`${gateway.url}/undated`)).headers.get('date') ?? '';
  expect(new Date(date).toUTCString()).toBe(date);
});

test('a malformed request is rejected with a problem document, and the connection is closed', async () => {
  const gateway = await startGateway({ instances: [] });
  const client = rawClient(gateway.port);
  client.send('GET / HTTP/1.1\r\nHost: a b\r\n\r\n');
  const text = await client.untilClosed();
  expect(text).toStartWith('HTTP/1.1 400 Bad Request\r\n');
  expect(text).toContain('Content-Type: application/problem+json\r\n');
  expect(text).toContain('Connection: close\r\n');
});

test('every response carries the registry revision it was routed by', async () => {
  const gateway = await startGateway({ instances: [echoHead().port] });
  const unavailable = await startGateway({ instances: [] });
  for (const url of [`${gateway.url}/a`, `${gateway.url}/own`, `${unavailable.url}/a`])
    expect((await fetch(url)).headers.get('x-registry-revision')).toBe('1');
});

test('every request is one log line and one observation', async () => {
  const upstream = echoHead();
  const gateway = await startGateway({ instances: [upstream.port] });
  const response = await fetch(`${gateway.url}/a?token=secret`);
  await response.text();
  await eventually(() => gateway.lines.length > 0);
  expect(gateway.lines).toHaveLength(1);
  expect(gateway.lines[0]).toMatchObject({
    level: 'info',
    method: 'GET',
    route: '/test',
    status: 200,
    instance: 'instance-0',
    retries: 0,
  });
  expect(gateway.lines[0]?.request_id).toBe(response.headers.get('x-request-id'));
  expect(JSON.stringify(gateway.lines)).not.toContain('secret');
  expect(await gateway.metrics.metrics()).toContain(
    'gateway_requests_total{route="/test",status_class="2xx"} 1',
  );
});
