import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { readdirSync } from 'node:fs';
import { createServiceTokens } from '#kit/auth/service-token';
import { developmentIdentity } from '#kit/core/identity';
import { GATEWAY_NAME, GATEWAY_TOKEN_FIELD } from '#kit/http/forwarding/gateway-token';
import { enterRoom, person, startChat } from '../../tests/support/chat';
import { eventually } from '../../tests/support/eventually';
import type { StartedProcess } from '../../tests/support/processes';
import { CLOSE, openRawWebSocket, PING, rawFrame, TEXT } from '../../tests/support/raw-websocket';

let chat: Awaited<ReturnType<typeof startChat>>;
let instance: StartedProcess;
let gateway: StartedProcess;

beforeAll(async () => {
  chat = await startChat({ CHAT_MESSAGES_PER_SECOND: '10000' });
  [instance, gateway] = await Promise.all([chat.start(), chat.startGateway()]);
  await eventually(async () => (await fetch(`${gateway.url}/rooms`)).status === 200);
}, 60_000);
afterAll(() => chat.stop(), 60_000);

const descriptors = () => readdirSync(`/proc/${instance.pid}/fd`).length;
const messageOf = (message: string) => JSON.stringify({ message });
const closing = (code: number, reason: string | Buffer = '') =>
  rawFrame(CLOSE, Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)]));

const ways = { directly: () => instance.url, 'through the gateway': () => gateway.url } as const;
type Way = keyof typeof ways;

describe.each(Object.keys(ways) as Way[])('%s', (way) => {
  describe('invalid frames close the connection with the code of RFC 6455', () => {
    test.each([
      ['more than 64 KiB', rawFrame(TEXT, 'a'.repeat(65_537)), 1009],
      [
        'more than 64 KiB in parts',
        Buffer.concat([
          rawFrame(TEXT, 'a'.repeat(40_000), { final: false }),
          rawFrame(0, 'a'.repeat(40_000)),
        ]),
        1009,
      ],
      ['text that is not UTF-8', rawFrame(TEXT, Buffer.from([0xff, 0xfe])), 1007],
      [
        'text that is not UTF-8 where its parts meet',
        Buffer.concat([
          rawFrame(TEXT, Buffer.from([0xc3]), { final: false }),
          rawFrame(0, Buffer.from([0x28])),
        ]),
        1007,
      ],
      ['no mask', rawFrame(TEXT, messageOf('hi'), { masked: false }), 1002],
      [
        'the first reserved bit, without compression',
        rawFrame(TEXT, messageOf('hi'), { reserved: 0x40 }),
        1002,
      ],
      ['the second reserved bit', rawFrame(TEXT, messageOf('hi'), { reserved: 0x20 }), 1002],
      ['the third reserved bit', rawFrame(TEXT, messageOf('hi'), { reserved: 0x10 }), 1002],
      ['an unknown opcode', rawFrame(3, messageOf('hi')), 1002],
      ['an unknown control opcode', rawFrame(11, 'hi'), 1002],
      ['a control frame in parts', rawFrame(PING, 'hi', { final: false }), 1002],
      ['a continuation of nothing', rawFrame(0, 'hi'), 1002],
      [
        'a new message within another',
        Buffer.concat([rawFrame(TEXT, 'a', { final: false }), rawFrame(TEXT, 'b')]),
        1002,
      ],
      ['a long ping', rawFrame(PING, 'a'.repeat(126)), 1002],
      ['bytes instead of text', rawFrame(2, 'hi'), 3501],
    ])('%s', (_what, bytes, code) => isClosedWith(bytes, code));
  });

  describe('a close frame that must not be sent is invalid', () => {
    test.each([
      ['0', closing(0)],
      ['999', closing(999)],
      ['1004', closing(1004)],
      ['1005', closing(1005)],
      ['1006', closing(1006)],
      ['1015', closing(1015)],
      ['1016', closing(1016)],
      ['2999', closing(2999)],
      ['5000', closing(5000)],
      ['65535', closing(65_535)],
      ['one byte', rawFrame(CLOSE, Buffer.from([3]))],
    ])('%s', (_what, bytes) => isClosedWith(bytes, 1002));

    test('a reason that is not UTF-8', () => isClosedWith(closing(1000, Buffer.from([0xff])), 1007));
  });

  test.each([1000, 1001, 1003, 3000, 3999, 4000, 4999])('a close with %i is echoed', (code) =>
    isClosedWith(closing(code, 'goodbye'), code),
  );

  async function isClosedWith(bytes: Buffer, code: number): Promise<void> {
    const raw = await openRawWebSocket(ways[way](), '/ws/broken');
    raw.socket.write(bytes);
    expect(await raw.closeCode()).toBe(code);
    raw.socket.destroy();
  }

  test('a client that stops reading is closed with 3008, and does not slow the room down', async () => {
    const base = ways[way]();
    const room = `busy-${way.length}`;
    const slow = await openRawWebSocket(base, `/ws/${room}`);
    const dead = await openRawWebSocket(base, `/ws/${room}`);
    const [talker, listener] = await Promise.all([enterRoom(base, room), enterRoom(base, room)]);
    slow.socket.pause();
    dead.socket.pause();
    await openPooledConnections();
    const before = descriptors();
    const text = 'a'.repeat(60_000);
    let sent = 0;
    const active = async () =>
      (await (await fetch(`${instance.url}/rooms/${room}/info`)).json()).active_connections;
    // Messages keep arriving while two clients do not read.
    while (sent < 800 && (await active()) > 2) {
      talker.say(text);
      sent++;
      await listener.got('message', ({ seq }) => seq === sent);
    }
    expect(sent).toBeGreaterThan(0);
    expect(await active()).toBe(2);
    // Everything that was sent before, in order, then the close code.
    slow.socket.resume();
    expect(await slow.closeCode()).toBe(3008);
    // The other one never reads again: it is terminated, and its descriptor released.
    await eventually(() => descriptors() <= before - 2);
    expect(listener.sequence().map(({ seq }) => seq)).toEqual(
      Array.from({ length: sent }, (_, index) => index + 1),
    );
  }, 60_000);
});

test('connections beyond the limit per user, or per address of anonymous clients, are closed with 3504', async () => {
  const limited = await chat.start({
    CHAT_CONNECTIONS_PER_PERSON: '2',
    CHAT_CONNECTIONS_PER_ADDRESS: '3',
    CHAT_ANONYMOUS_CONNECTIONS: '5',
  });
  const [ada, bob] = await Promise.all([person('ada'), person('bob')]);
  const enter = (headers: Record<string, string> = {}) => enterRoom(limited.url, 'crowded', { headers });
  const stays = async (headers?: Record<string, string>) => {
    const talker = await enter(headers);
    expect(talker.frames[0]).toMatchObject({ type: 'joined' });
    return talker;
  };
  const [first] = [await stays(ada.headers), await stays(ada.headers)];
  const third = await enter(ada.headers);
  expect([await third.closed, third.frames]).toEqual([3504, []]);
  await stays(bob.headers);
  // The gateway forwards the client's address.
  const gateway = createServiceTokens(developmentIdentity(GATEWAY_NAME));
  const token = await gateway.tokenFor('chat');
  const from = (address: string) => ({ 'x-forwarded-for': address, [GATEWAY_TOKEN_FIELD]: token });
  for (let count = 0; count < 3; count++) await stays(from('203.0.113.7'));
  expect(await (await enter(from('203.0.113.7'))).closed).toBe(3504);
  await stays(from('203.0.113.8'));
  // Anonymous clients together leave room for users.
  await stays(from('203.0.113.9'));
  const full = await fetch(`${limited.url}/ws/crowded`, {
    headers: {
      ...from('203.0.113.10'),
      upgrade: 'websocket',
      connection: 'Upgrade',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    },
  });
  expect([full.status, full.headers.get('retry-after')]).toEqual([503, '1']);
  await stays(bob.headers);
  const metrics = await (await fetch(`${limited.url}/metrics`)).text();
  expect(metrics).toMatch(/^chat_connections_ended_total\{code="3504"\} 2$/m);
  first?.close();
  await eventually(async () => {
    const again = await enter(ada.headers);
    return again.frames[0]?.type === 'joined';
  });
  await limited.stop();
}, 60_000);

test('a fragmented text that arrives byte by byte, with a ping in between, is read', async () => {
  const raw = await openRawWebSocket(instance.url, '/ws/slow-writer');
  const text = Buffer.from(messageOf('größer'));
  const bytes = Buffer.concat([
    rawFrame(TEXT, text.subarray(0, 16), { final: false }),
    rawFrame(PING, 'still there?'),
    rawFrame(0, text.subarray(16)),
  ]);
  for (const byte of bytes) raw.socket.write(Buffer.from([byte]));
  await eventually(() => raw.frames.some(({ payload }) => payload.includes('größer')));
  expect(raw.frames.find(({ opcode }) => opcode === 10)?.payload.toString()).toBe('still there?');
  raw.socket.destroy();
});

test('a thousand connections leave no descriptor behind', async () => {
  const open = async () => {
    const raw = await openRawWebSocket(instance.url, '/ws/passing');
    // Half of them send a close frame, the others disconnect.
    if (Math.random() < 0.5) raw.socket.end(rawFrame(8, Buffer.from([3, 232])));
    else raw.socket.destroy();
  };
  const round = () => Promise.all(Array.from({ length: 50 }, open));
  const staying = await connections();
  const allClosed = () => eventually(async () => (await connections()) === staying);
  await openPooledConnections();
  await round();
  await allClosed();
  const before = descriptors();
  for (let count = 0; count < 20; count++) await round();
  await allClosed();
  await eventually(() => descriptors() <= before + 2);
}, 60_000);

/** Opens the pooled database connections, whose descriptors would be counted otherwise. */
async function openPooledConnections(): Promise<void> {
  await Promise.all(
    Array.from({ length: 50 }, async () => (await fetch(`${instance.url}/rooms/empty/messages`)).text()),
  );
}

async function connections(): Promise<number> {
  const text = await (await fetch(`${instance.url}/metrics`)).text();
  return Number(/^chat_connections (\d+)$/m.exec(text)?.[1]);
}

test('an instance that shuts down closes all connections with 3001', async () => {
  const ending = await chat.start();
  const talkers = await Promise.all(Array.from({ length: 60 }, () => enterRoom(ending.url, 'ending')));
  const stopped = ending.stop();
  expect(new Set(await Promise.all(talkers.map(({ closed }) => closed)))).toEqual(new Set([3001]));
  await stopped;
}, 60_000);
