import { expect, test } from 'bun:test';
import { gatewayFixture } from './test-fixture';
import { rawClient } from './test-gateway';

const { startGateway, startUpstream, stopAfter } = gatewayFixture();

test('Via is added in both directions, after that of other proxies', async () => {
  const upstream = startUpstream((received, reply) => {
    if (received.endsWith('\r\n\r\n'))
      reply('HTTP/1.0 200 OK\r\nVia: 1.1 inner\r\nContent-Length: 2\r\n\r\nok');
  });
  const gateway = await startGateway({ instances: [upstream.port] });
  const client = rawClient(gateway.port);
  client.send('GET / HTTP/1.1\r\nHost: a\r\nVia: 1.1 edge, 1.0 other\r\nVia: HTTP/2.0 third\r\n\r\n');
  const response = await client.until((text) => text.endsWith('ok'));
  const pseudonym = /Via: 1\.0 (rookery-[0-9a-f]{12})\r\n/.exec(response)?.[1];
  expect(response.match(/Via: .*/g)).toEqual(['Via: 1.1 inner', `Via: 1.0 ${pseudonym}`]);
  expect(upstream.connections[0]?.received.match(/Via: .*/g)).toEqual([
    'Via: 1.1 edge, 1.0 other',
    'Via: HTTP/2.0 third',
    `Via: 1.1 ${pseudonym}`,
  ]);
});

test.each(['GET', 'POST', 'HEAD'])(
  'a %s that comes back to its gateway is refused with 508',
  async (method) => {
    let forwarded = 0;
    let port = 0;
    // An instance that forwards everything to the gateway, as one with the address of the gateway does.
    const server = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch(request) {
        forwarded++;
        return fetch(`http://127.0.0.1:${port}/`, { method: request.method, headers: request.headers });
      },
    });
    stopAfter(() => server.stop(true));
    const gateway = await startGateway({ instances: [server.port ?? 0] });
    port = gateway.port;
    const response = await fetch(gateway.url, { method });
    expect(response.status).toBe(508);
    if (method !== 'HEAD')
      expect(await response.json()).toMatchObject({
        code: 'request.loop',
        title: 'Loop detected',
        status: 508,
      });
    expect(forwarded).toBe(1);
  },
);

test('an instance with the address of the gateway gets one request', async () => {
  const instances: number[] = [];
  const gateway = await startGateway({ instances });
  instances.push(gateway.port);
  expect((await fetch(gateway.url, { method: 'POST' })).status).toBe(508);
  expect(gateway.outcomes).toHaveLength(1);
});
