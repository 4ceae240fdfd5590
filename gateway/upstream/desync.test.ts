import { describe, expect, test } from 'bun:test';
import { gatewayFixture } from '../proxy/test-fixture';
import { eventually, rawClient, type rawUpstream } from '../proxy/test-gateway';

const { startGateway, startUpstream } = gatewayFixture();

async function gatewayTo(talk: Parameters<typeof rawUpstream>[0]) {
  const upstream = startUpstream(talk);
  const gateway = await startGateway({ instances: [upstream.port] });
  return { gateway, upstream };
}

const ask = (method: string, path: string) => `${method} ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
const OWN = 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nown';
const EVIL = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil';

describe('bytes after a response never reach the next client', () => {
  const responses: [name: string, method: string, first: string, then: string][] = [
    ['in the same packet', 'GET', OWN + EVIL, ''],
    ['a moment later', 'GET', OWN, EVIL],
    [
      'as the body of a response to HEAD',
      'HEAD',
      `HTTP/1.1 200 OK\r\nContent-Length: ${EVIL.length}\r\n\r\n${EVIL}`,
      '',
    ],
    [
      'as such a body, a moment later',
      'HEAD',
      `HTTP/1.1 200 OK\r\nContent-Length: ${EVIL.length}\r\n\r\n`,
      EVIL,
    ],
    ['as the body of a 204', 'GET', `HTTP/1.1 204 No Content\r\n\r\n${EVIL}`, ''],
    ['as the body of a 304', 'GET', `HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n${EVIL}`, ''],
    [
      'after the last chunk',
      'GET',
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nown\r\n0\r\n\r\n${EVIL}`,
      '',
    ],
  ];
  test.each(responses)('%s', async (_, method, first, then) => {
    const { gateway, upstream } = await gatewayTo((received, reply) => {
      if (received.includes('/second')) reply(OWN);
      else {
        reply(first);
        if (then !== '') setTimeout(() => reply(then), 20);
      }
    });
    const client = rawClient(gateway.port);
    client.send(ask(method, '/first'));
    await client.until((text) => text.includes('\r\n\r\n'));
    if (then !== '') await eventually(() => upstream.connections[0]?.closed === true);
    const next = rawClient(gateway.port);
    next.send(ask('GET', '/second'));
    expect(await next.until((text) => /\r\n\r\n.{3}/.test(text))).toEndWith('own');
    expect(upstream.connections.length).toBe(2);
    expect(client.received()).not.toContain('evil');
  });
});

describe('an ambiguous response is rejected', () => {
  const OK = 'HTTP/1.1 200 OK\r\n';
  test.each([
    `${OK}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    `${OK}Content-Length: 4\r\nContent-Length: 5\r\n\r\nevil!`,
    `${OK}Content-Length: 4, 4\r\n\r\nevil`,
    `${OK}Content-Length: +4\r\n\r\nevil`,
    `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    `${OK}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
    `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    `${OK}X: a\nSet-Cookie: evil\r\n\r\n`,
    `${OK}X: a\rSet-Cookie: evil\r\n\r\n`,
    `${OK}X: a\0b\r\n\r\n`,
    `${OK}X: a\r\n Set-Cookie: evil\r\n\r\n`,
    `${OK}X : a\r\n\r\n`,
    `${OK}: a\r\n\r\n`,
    `${OK}\n\r\n`,
    'HTTP/1.1 200 OK\nContent-Length: 4\r\n\r\nevil',
    'HTTP/1.1 099 No\r\n\r\n',
    'HTTP/1.1 600 No\r\n\r\n',
    'HTTP/2 200\r\n\r\n',
    ' HTTP/1.1 200 OK\r\n\r\n',
    `${OK}X: ${'x'.repeat(17_000)}\r\n\r\n`,
    `${OK}${'X: y\r\n'.repeat(101)}\r\n`,
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: evil\r\nConnection: Upgrade\r\n\r\n',
    'evil',
  ])('%j', async (response) => {
    const { gateway, upstream } = await gatewayTo((_, reply) => reply(response));
    const client = rawClient(gateway.port);
    client.send(ask('POST', '/'));
    const text = await client.until((received) => received.endsWith('}') || received === 'evil');
    expect(text).toStartWith('HTTP/1.1 502 Bad Gateway\r\n');
    expect(text).not.toContain('evil');
    await eventually(() => upstream.connections[0]?.closed === true);
  });

  test('a malformed body resets the response', async () => {
    const { gateway, upstream } = await gatewayTo((_, reply) =>
      reply('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nown\r\nx\r\n'),
    );
    const client = rawClient(gateway.port);
    client.send(ask('POST', '/'));
    expect(await client.untilClosed()).not.toContain('0\r\n\r\n');
    await eventually(() => upstream.connections[0]?.closed === true);
  });
});

test('unlimited interim responses are rejected', async () => {
  const { gateway, upstream } = await gatewayTo((_, reply) =>
    reply('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(1_000)),
  );
  const client = rawClient(gateway.port);
  client.send(ask('POST', '/'));
  const text = await client.until((received) => received.includes('HTTP/1.1 502 '));
  expect(text.split('HTTP/1.1 103 ').length).toBeLessThan(20);
  await eventually(() => upstream.connections[0]?.closed === true);
});

test('an early response to an upload is relayed, and neither connection is reused', async () => {
  const { gateway, upstream } = await gatewayTo((received, reply) => {
    if (received.includes('/second')) reply(OWN);
    else if (received.includes('part'))
      reply('HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig');
  });
  const client = rawClient(gateway.port);
  client.send('POST /first HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\npart');
  const text = await client.until((received) => received.endsWith('big'));
  expect(text).toContain('\r\nConnection: close\r\n');
  await eventually(() => upstream.connections[0]?.closed === true);
  // The rest of the upload is no request.
  client.send(ask('GET', '/smuggled'));
  await client.untilClosed();
  const next = rawClient(gateway.port);
  next.send(ask('GET', '/second'));
  expect(await next.until((received) => /\r\n\r\n.{3}/.test(received))).toEndWith('own');
  expect(upstream.connections.map(({ received }) => received).join('')).not.toContain('/smuggled');
});
