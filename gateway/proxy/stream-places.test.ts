import { afterAll, expect, test } from 'bun:test';
import { Registry } from 'prom-client';
import { Unauthenticated } from '#kit/errors/problem';
import { eventually } from '../../tests/support/eventually';
import { createStreamPlaces } from '../admission/stream-places';
import { createVerifiedCallers } from '../admission/verified-callers';
import { type RawClient, rawClient, rawUpstream, startTestGateway } from './test-gateway';

/** A service from elsewhere, without shares of its own: every request becomes a stream. */
const foreign = rawUpstream((received, reply, end, reset) => {
  if (!received.endsWith('\r\n\r\n')) return;
  if (received.includes('Upgrade: websocket'))
    reply('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  else reply('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: hello\n\n');
  if (received.startsWith('GET /ends')) end();
  if (received.startsWith('GET /breaks')) reset();
});

/** Tokens are names; one of them is forged. */
const callers = createVerifiedCallers({
  async identify(token) {
    if (token === 'forged') throw new Unauthenticated();
    const issuedAt = Math.floor(Date.now() / 1000);
    const ids = { id: token, username: token, sessionId: token, tokenId: token };
    return { ...ids, roles: [], permissions: [], issuedAt, signedInAt: issuedAt, expiresAt: issuedAt + 300 };
  },
});
const metrics = new Registry();
const limits = { maximum: 10, anonymous: 5, perAddress: 3, perPerson: 2 };
const gateway = await startTestGateway({
  instances: [foreign.port],
  trustedProxies: ['127.0.0.1'],
  streamPlaces: createStreamPlaces(metrics, limits, callers),
});
const clients = new Set<RawClient>();

afterAll(async () => {
  for (const { socket } of clients) socket.destroy();
  await gateway.stop();
  foreign.stop();
});

const WEB_SOCKET = `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n`;

/** Sends a request from an address, as a trusted proxy says, and returns the status of the response. */
async function ask(from: string, fields = '', target = '/', method = 'GET') {
  const client = rawClient(gateway.port);
  clients.add(client);
  client.send(`${method} ${target} HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: ${from}\r\n${fields}\r\n`);
  const text = await client.until((received) => received.includes('\r\n\r\n'));
  return { client, text, status: Number(text.slice(9, 12)) };
}

const statuses = async (count: number, send: (number: number) => ReturnType<typeof ask>) => {
  const answers: number[] = [];
  for (let number = 0; number < count; number++) answers.push((await send(number)).status);
  return answers;
};

async function placesUsed(): Promise<number> {
  const { values } = (await metrics.getSingleMetric('share_places_used')?.get()) ?? { values: [] };
  return values.find(({ labels }) => labels.who === 'all')?.value ?? Number.NaN;
}

async function leave() {
  for (const { socket } of clients) socket.destroy();
  clients.clear();
  await eventually(async () => expect(await placesUsed()).toBe(0));
}

test('a flood of strangers, from one address and from many, leaves room for people who are signed in', async () => {
  expect(await statuses(5, () => ask('203.0.113.1'))).toEqual([200, 200, 200, 429, 429]);
  const flood = await statuses(40, (number) => ask(`198.51.100.${number}`));
  expect(flood).toEqual([200, 200, ...Array<number>(38).fill(503)]);
  const refused = await ask('198.51.100.99');
  expect(refused.text.toLowerCase()).toContain('retry-after: 2');
  expect(await refused.client.until((text) => text.endsWith('}'))).toContain('"code":"stream.too-many"');
  // A token that is not valid makes nobody a person.
  expect(
    (await ask('198.51.100.99', 'Authorization: Bearer forged\r\nAccept: text/event-stream\r\n')).status,
  ).toBe(503);

  const own = (name: string) =>
    ask('203.0.113.1', `Authorization: Bearer ${name}\r\nAccept: text/event-stream\r\n`);
  expect(await statuses(3, () => own('ada'))).toEqual([200, 200, 429]);
  expect(await statuses(2, () => own('bob'))).toEqual([200, 200]);
  expect(await placesUsed()).toBe(9);
  await leave();
  expect((await ask('198.51.100.99')).status).toBe(200);
  await leave();
});

test('WebSockets hold places too, also with the token in the subprotocol or in the query', async () => {
  const protocol = 'Sec-WebSocket-Protocol: rookery.chat, rookery.token.ada\r\n';
  expect(await statuses(4, () => ask('203.0.113.1', WEB_SOCKET))).toEqual([101, 101, 101, 429]);
  expect((await ask('203.0.113.1', WEB_SOCKET + protocol)).status).toBe(101);
  expect((await ask('203.0.113.1', WEB_SOCKET, '/?token=ada')).status).toBe(101);
  expect((await ask('203.0.113.1', WEB_SOCKET, '/?token=ada')).status).toBe(429);
  expect(await placesUsed()).toBe(5);
  await leave();
});

test('a place is given back when its reader leaves, its service breaks off, or nothing streams', async () => {
  for (let round = 0; round < 8; round++) {
    const { client, status } = await ask('203.0.113.9');
    expect(status).toBe(200);
    if (round % 2 === 0) client.socket.end();
    else client.socket.resetAndDestroy();
    await leave();
  }
  for (const [target, fields] of [
    ['/ends', ''],
    ['/breaks', ''],
    ['/breaks', WEB_SOCKET],
  ] as const) {
    expect([200, 101]).toContain((await ask('203.0.113.9', fields, target)).status);
    await eventually(async () => expect(await placesUsed()).toBe(0));
  }
  expect((await ask('203.0.113.9', '', '/', 'HEAD')).status).toBe(200);
  await leave();
});
