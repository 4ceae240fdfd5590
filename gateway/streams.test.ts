import { afterAll, beforeAll, expect, test } from 'bun:test';
import { connect, type Socket } from 'node:net';
import { SignJWT } from 'jose';
import { ACCESS_TOKEN_TYPE } from '#kit/auth/tokens';
import { eventually } from '../tests/support/eventually';
import { type StartedProcess, startProcess } from '../tests/support/processes';
import { readResponses } from '../tests/support/raw-http';

const SECRET = 'a-secret-for-tests-of-event-streams';
const TOKENS = {
  JWT_ALG: 'HS256',
  JWT_SECRET: SECRET,
  JWT_ISSUER: 'http://issuer.test',
  JWT_AUDIENCE: 'rookery',
};
const STREAMS = {
  STREAMS_MAX: '12',
  STREAMS_ANONYMOUS_MAX: '6',
  STREAMS_PER_ADDRESS: '4',
  STREAMS_PER_PERSON: '2',
};

let registry: StartedProcess;
let gateway: StartedProcess;
let birds: StartedProcess;
const sockets = new Set<Socket>();

beforeAll(async () => {
  registry = await startProcess('registry/main.ts', {
    REGISTRY_WATCHERS_MAX: '20',
    REGISTRY_WATCHERS_PER_ADDRESS: '6',
  });
  const environment = { ...TOKENS, ...STREAMS, REGISTRY_URL: registry.url };
  [gateway, birds] = await Promise.all([
    startProcess('gateway/main.ts', environment),
    startProcess('tests/support/named-service.ts', { ...environment, SERVICE: 'birds' }),
  ]);
  await eventually(async () => expect((await fetch(`${gateway.url}/birds/1`)).status).toBe(200), 30_000);
}, 30_000);

afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await Promise.all([gateway?.stop(), birds?.stop()]);
  await registry?.stop();
}, 30_000);

interface Connection {
  readonly socket: Socket;
  text(): string;
  ended(): boolean;
}

/** Sends requests from an address; all of 127.0.0.0/8 is loopback on Linux. */
function send(to: StartedProcess, from: string, text: string): Connection {
  const socket = connect({ port: Number(new URL(to.url).port), host: '127.0.0.1', localAddress: from });
  sockets.add(socket);
  let received = '';
  let ended = false;
  socket.on('data', (bytes: Buffer) => {
    received += bytes.toString('latin1');
  });
  socket.on('close', () => {
    ended = true;
  });
  socket.write(text);
  return { socket, text: () => received, ended: () => ended };
}

/** Opens streams at the same time; resolves with their connections once each has its head. */
async function open(to: StartedProcess, path: string, from: string, count: number, fields = '') {
  const opened = Array.from({ length: count }, () =>
    send(to, from, `GET ${path} HTTP/1.1\r\nHost: gateway\r\n${fields}\r\n`),
  );
  await eventually(() => opened.every(({ text }) => text().includes('\r\n\r\n')));
  return opened;
}

const statusesOf = (connections: readonly Connection[]) =>
  connections.map(({ text }) => Number(text().slice(9, 12))).sort();

/** Sends HEAD many times on one connection, and reads all responses. */
async function head(to: StartedProcess, path: string, count: number) {
  const connection = send(to, '127.0.0.1', `HEAD ${path} HTTP/1.1\r\nHost: gateway\r\n\r\n`.repeat(count));
  const responses = () =>
    readResponses(connection.text(), Array<string>(count).fill('HEAD'), connection.ended());
  await eventually(() => expect(responses().length).toBe(count), 30_000);
  connection.socket.destroy();
  return responses();
}

async function bearer(id: string): Promise<string> {
  const token = await new SignJWT({ username: id, sid: 'session', roles: [], permissions: [] })
    .setProtectedHeader({ alg: 'HS256', typ: ACCESS_TOKEN_TYPE })
    .setSubject(id)
    .setJti(id)
    .setIssuer(TOKENS.JWT_ISSUER)
    .setAudience(TOKENS.JWT_AUDIENCE)
    .setIssuedAt()
    .setExpirationTime('5m')
    .sign(new TextEncoder().encode(SECRET));
  return `Authorization: Bearer ${token}\r\n`;
}

async function openStreams(): Promise<number> {
  const metrics = await (await fetch(`${birds.url}/metrics`)).text();
  return Number(/^event_streams_open (\d+)$/m.exec(metrics)?.[1]);
}

async function openWatches(): Promise<number> {
  const status: unknown = await (await fetch(`${registry.url}/status`)).json();
  return Number(Object(status).watchers);
}

test('HEAD gets the head of a stream at once, and takes no place', async () => {
  const before = await openWatches();
  for (const [process, path] of [
    [gateway, '/birds/stream'],
    [gateway, '/v1/birds/birds/stream'],
    [birds, '/birds/stream'],
    [registry, '/watch'],
  ] as const) {
    const responses = await head(process, path, 50);
    for (const { status, headers } of responses) {
      expect([status, headers.get('content-type')]).toEqual([200, 'text/event-stream']);
      expect(headers.has('content-length')).toBe(false);
    }
  }
  const { revision } = Object(await (await fetch(`${registry.url}/status`)).json());
  expect(
    (await head(registry, `/services?index=${revision}&wait=60s`, 20)).map(({ status }) => status),
  ).toEqual(Array(20).fill(200));
  expect([await openStreams(), await openWatches()]).toEqual([0, before]);
});

test('a flood from one address takes only its share; people keep theirs; places are free when readers leave', async () => {
  const flood = await open(gateway, '/birds/stream', '127.0.0.2', 20);
  expect(statusesOf(flood)).toEqual([...Array(4).fill(200), ...Array(16).fill(429)]);
  const refused = flood.find(({ text }) => text().startsWith('HTTP/1.1 429'));
  expect(refused?.text()).toContain('"code":"stream.share-exceeded"');
  expect(refused?.text().toLowerCase()).toContain('retry-after: ');
  // Strangers together have half of the places.
  const others = await open(gateway, '/birds/stream', '127.0.0.3', 4);
  expect(statusesOf(others)).toEqual([200, 200, 503, 503]);
  for (const [id, from] of [
    ['ada', '127.0.0.2'],
    ['bob', '127.0.0.4'],
  ] as const) {
    const own = await open(gateway, '/birds/stream', from, 3, await bearer(id));
    expect(statusesOf(own)).toEqual([200, 200, 429]);
  }
  expect(await openStreams()).toBe(10);
  for (const socket of sockets) socket.destroy();
  await eventually(async () => expect(await openStreams()).toBe(0));
  expect(statusesOf(await open(gateway, '/birds/stream', '127.0.0.2', 4))).toEqual([200, 200, 200, 200]);
});

test('readers that leave before their stream has begun leave nothing behind', async () => {
  for (const socket of sockets) socket.destroy();
  await eventually(async () => expect(await openStreams()).toBe(0));
  for (const to of [gateway, birds])
    for (let count = 0; count < 100; count++)
      send(to, `127.0.1.${count + 1}`, 'GET /birds/stream HTTP/1.1\r\nHost: gateway\r\n\r\n').socket.end(
        () => undefined,
      );
  for (const socket of sockets) socket.destroySoon();
  await eventually(async () => {
    expect(await openStreams()).toBe(0);
    const [stream] = await open(gateway, '/birds/stream', '127.0.0.9', 1);
    expect(statusesOf(stream === undefined ? [] : [stream])).toEqual([200]);
    stream?.socket.destroy();
  });
});

test('the registry has a share per address, for watches and long polls together', async () => {
  const before = await openWatches();
  const { revision } = Object(await (await fetch(`${registry.url}/status`)).json());
  const watches = await open(registry, '/watch', '127.0.0.2', 4);
  expect(statusesOf(watches)).toEqual([200, 200, 200, 200]);
  for (let count = 0; count < 2; count++)
    send(registry, '127.0.0.2', `GET /services?index=${revision}&wait=60s HTTP/1.1\r\nHost: r\r\n\r\n`);
  await eventually(async () => expect(await openWatches()).toBe(before + 6));
  expect(statusesOf(await open(registry, '/watch', '127.0.0.2', 3))).toEqual([429, 429, 429]);
  // An address that a client claims is not its own: nothing is in front of the registry.
  const claimed = await open(registry, '/watch', '127.0.0.2', 1, 'X-Forwarded-For: 203.0.113.7\r\n');
  expect(statusesOf(claimed)).toEqual([429]);
  expect(statusesOf(await open(registry, '/watch', '127.0.0.3', 1))).toEqual([200]);
  for (const socket of sockets) socket.destroy();
  await eventually(async () => expect(await openWatches()).toBe(before));
});
