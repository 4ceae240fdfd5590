import { expect, test } from 'bun:test';
import { connectionsTo, untilUnused } from './connections';
import { probeHttp } from './probes';
import { until } from './processes';

test('servers are in use while a process is connected to one of them', async () => {
  const server = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } });
  const client = await Bun.connect({
    hostname: '127.0.0.1',
    port: server.port,
    socket: { data: () => undefined },
  });
  expect(await until(() => connectionsTo([server.port]) === 1, 10_000)).toBe(true);
  let isUnused = false;
  const waiting = untilUnused({ AMQP_URL: `amqp://guest:guest@127.0.0.1:${server.port}` }).then(() => {
    isUnused = true;
  });
  await untilUnused({ DB_PORT: String(server.port) }, 100);
  expect(isUnused).toBe(false);
  client.end();
  await waiting;
  expect(connectionsTo([server.port])).toBe(0);
  server.stop(true);
});

test('a probe leaves no connection behind', async () => {
  const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response('up') });
  const port = server.port ?? 0;
  expect(await probeHttp(port)).toBe(true);
  expect(await until(() => connectionsTo([port]) === 0, 10_000)).toBe(true);
  await server.stop(true);
});
