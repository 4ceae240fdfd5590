import { describe, expect, test } from 'bun:test';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { gatewayFixture } from './test-fixture';
import { eventually, rawClient } from './test-gateway';

const { startGateway, startUpstream, stopAfter } = gatewayFixture();

/** Clients that upload 6 MB and print the status and the code of each response, one per line. */
const CLIENTS: Record<string, (url: string) => string[]> = {
  "Node's fetch": (url) => [
    'node',
    '-e',
    `const body = Buffer.alloc(6e6, 'x');
     process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
     const stream = () => new ReadableStream({ start(c) { for (let at = 0; at < body.length; at += 65536) c.enqueue(body.subarray(at, at + 65536)); c.close(); } });
     (async () => {
       for (let upload = 0; upload < 4; upload++) {
         const response = await fetch('${url}', { method: 'POST', body: upload % 2 ? stream() : body, duplex: 'half' });
         console.log(response.status, (await response.json()).code);
       }
     })();`,
  ],
  "Python's http.client": (url) => [
    'python3',
    '-c',
    `import http.client, json, ssl, urllib.parse
url = urllib.parse.urlsplit('${url}')
for upload in range(4):
    if url.scheme == 'https':
        connection = http.client.HTTPSConnection(url.netloc, timeout=20, context=ssl._create_unverified_context())
    else:
        connection = http.client.HTTPConnection(url.netloc, timeout=20)
    pieces = (b'x' * 65536 for _ in range(92))
    connection.request('POST', '/', body=pieces if upload % 2 else b'x' * 6000000)
    response = connection.getresponse()
    print(response.status, json.loads(response.read())['code'])`,
  ],
  curl: (url) => [
    'sh',
    '-c',
    `for upload in 1 2 3 4; do head -c 6000000 /dev/zero | curl -sSk -X POST -H Expect: -H Content-Type: -T - -w ' ' '${url}' | sed 's/.*"status":\\([0-9]*\\).*"code":"\\([^"]*\\)".*/\\1 \\2/'; echo; done`,
  ],
};

async function upload(client: string, url: string): Promise<string[]> {
  const command = CLIENTS[client]?.(url) ?? [];
  const child = Bun.spawn(command, { stdout: 'pipe', stderr: 'pipe' });
  const [output, errors] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  const lines = output.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]));
  return lines.length === 4 ? lines : [...lines, errors];
}

const silent = () => startUpstream(() => undefined).port;
const four = (line: string) => Array.from({ length: 4 }, () => line);

/** A certificate for localhost. */
async function certificate() {
  const folder = (await Bun.$`mktemp -d`.text()).trim();
  const files = { certPath: join(folder, 'cert.pem'), keyPath: join(folder, 'key.pem') };
  await Bun.$`openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost -keyout ${files.keyPath} -out ${files.certPath}`.quiet();
  stopAfter(() => Bun.$`rm -rf ${folder}`.quiet());
  return files;
}

describe.each(Object.keys(CLIENTS))('%s reads an early response while it is still sending:', (client) => {
  test('413 of the gateway', async () => {
    const gateway = await startGateway({ instances: [silent()], route: { bodyBytes: 1_000 } });
    expect(await upload(client, gateway.url)).toEqual(four('413 request.too-large'));
  }, 30_000);

  test('413 of the gateway over TLS', async () => {
    const gateway = await startGateway({
      instances: [silent()],
      route: { bodyBytes: 1_000 },
      tls: await certificate(),
    });
    expect(await upload(client, gateway.url)).toEqual(four('413 request.too-large'));
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
      expect(await upload(client, gateway.url)).toEqual(four('401 auth.unauthenticated'));
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
