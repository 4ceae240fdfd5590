import { describe, expect, test } from 'bun:test';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { UPLOADING_CLIENTS, upload } from '../../tests/support/uploading-clients';
import { gatewayFixture } from './test-fixture';
import { eventually, rawClient } from './test-gateway';

const { startGateway, startUpstream, stopAfter } = gatewayFixture();

const silent = () => startUpstream(() => undefined).port;
const twice = (line: string) => Array.from({ length: 2 }, () => line);

/** A certificate for localhost. */
async function certificate() {
  const folder = (await Bun.$`mktemp -d`.text()).trim();
  const files = { certPath: join(folder, 'cert.pem'), keyPath: join(folder, 'key.pem') };
  await Bun.$`openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost -keyout ${files.keyPath} -out ${files.certPath}`.quiet();
  stopAfter(() => Bun.$`rm -rf ${folder}`.quiet());
  return files;
}

describe.each(UPLOADING_CLIENTS)('%s reads an early response while it is still sending:', (client) => {
  test('413 of the gateway', async () => {
    const gateway = await startGateway({ instances: [silent()], route: { bodyBytes: 1_000 } });
    expect(await upload(client, gateway.url)).toEqual(twice('413 request.too-large'));
  }, 30_000);

  test('413 of the gateway over TLS', async () => {
    const gateway = await startGateway({
      instances: [silent()],
      route: { bodyBytes: 1_000 },
      tls: await certificate(),
    });
    expect(await upload(client, gateway.url)).toEqual(twice('413 request.too-large'));
  }, 30_000);

  test('401 of a server of Bun', async () => {
    const server = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: () => Response.json({ status: 401, code: 'auth.unauthenticated' }, { status: 401 }),
    });
    stopAfter(() => server.stop(true));
    const gateway = await startGateway({ instances: [server.port ?? 0] });
    expect(await upload(client, gateway.url)).toEqual(twice('401 auth.unauthenticated'));
  }, 30_000);

  test.each([
    ['that reads on', false],
    ['that closes at once', true],
  ])(
    '401 of an instance %s',
    async (_, closes) => {
      const body = JSON.stringify({ status: 401, code: 'auth.unauthenticated' });
      const server = createServer((socket) => {
        socket.on('error', () => undefined);
        socket.once('data', () => {
          const head = `HTTP/1.1 401 Unauthorized\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`;
          socket.write(head + body, () => closes && socket.destroy());
          socket.resume();
        });
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      stopAfter(() => server.close());
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      const gateway = await startGateway({ instances: [port] });
      expect(await upload(client, gateway.url)).toEqual(twice('401 auth.unauthenticated'));
    },
    30_000,
  );
});

test('a client that never stops sending is disconnected', async () => {
  const gateway = await startGateway({
    instances: [],
    route: { bodyBytes: 1 },
    limits: { lingerMs: 60_000, lingerTotalMs: 100 },
  });
  const client = rawClient(gateway.port);
  let isClosed = false;
  client.socket.on('close', () => {
    isClosed = true;
  });
  client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n');
  await client.until((text) => text.includes('413'));
  await eventually(() => {
    client.send('more');
    return isClosed;
  });
});
