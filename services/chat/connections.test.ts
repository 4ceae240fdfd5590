import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { readdirSync } from 'node:fs';
import { enterRoom, startChat } from '../../tests/support/chat';
import type { StartedProcess } from '../../tests/support/processes';
import { openRawWebSocket, PING, rawFrame, TEXT } from '../../tests/support/raw-websocket';
import { eventually } from '../../tests/support/servers';

let chat: Awaited<ReturnType<typeof startChat>>;
let instance: StartedProcess;

beforeAll(async () => {
  chat = await startChat({ CHAT_MESSAGES_PER_SECOND: '10000' });
  instance = await chat.start();
}, 60_000);
afterAll(() => chat.stop(), 30_000);

const descriptors = () => readdirSync(`/proc/${instance.pid}/fd`).length;
const said = (message: string) => JSON.stringify({ message });

describe('broken frames end their connection with the code RFC 6455 has for them', () => {
  test.each([
    ['more than 64 KiB', rawFrame(TEXT, 'a'.repeat(65_537)), 1009],
    [
      'more than 64 KiB in parts',
      Buffer.concat([rawFrame(TEXT, 'a'.repeat(40_000), { final: false }), rawFrame(0, 'a'.repeat(40_000))]),
      1009,
    ],
    ['text that is not UTF-8', rawFrame(TEXT, Buffer.from([0xff, 0xfe])), 1007],
    ['no mask', rawFrame(TEXT, said('hi'), { masked: false }), 1002],
    ['a reserved bit', rawFrame(TEXT, said('hi'), { reserved: 0x40 }), 1002],
    ['an unknown opcode', rawFrame(3, said('hi')), 1002],
    ['a control frame in parts', rawFrame(PING, 'hi', { final: false }), 1002],
    ['a continuation of nothing', rawFrame(0, 'hi'), 1002],
    ['a long ping', rawFrame(PING, 'a'.repeat(126)), 1002],
    ['a close code nobody may send', rawFrame(8, Buffer.from([1005 >> 8, 1005 & 0xff])), 1002],
    ['bytes instead of text', rawFrame(2, 'hi'), 3501],
  ])('%s', async (_what, bytes, code) => {
    const raw = await openRawWebSocket(instance.url, '/ws/broken');
    raw.socket.write(bytes);
    expect(await raw.closeCode()).toBe(code);
    raw.socket.destroy();
  });
});

test('a text that comes byte by byte and in parts, with a ping in between, is understood', async () => {
  const raw = await openRawWebSocket(instance.url, '/ws/slow-writer');
  const text = Buffer.from(said('größer'));
  const bytes = Buffer.concat([
    rawFrame(TEXT, text.subarray(0, 16), { final: false }),
    rawFrame(PING, 'still there?'),
    rawFrame(0, text.subarray(16)),
  ]);
  for (const byte of bytes) raw.socket.write(Buffer.from([byte]));
  await eventually('the message', () => raw.frames.some(({ payload }) => payload.includes('größer')));
  expect(raw.frames.find(({ opcode }) => opcode === 10)?.payload.toString()).toBe('still there?');
  raw.socket.destroy();
});

test('a reader that stops is closed with 3008, and the room goes on without it', async () => {
  const slow = await openRawWebSocket(instance.url, '/ws/busy');
  const dead = await openRawWebSocket(instance.url, '/ws/busy');
  const [talker, listener] = await Promise.all([
    enterRoom(instance.url, 'busy'),
    enterRoom(instance.url, 'busy'),
  ]);
  slow.socket.pause();
  dead.socket.pause();
  await openAllThatStays();
  const before = descriptors();
  const text = 'a'.repeat(60_000);
  let sent = 0;
  const active = async () =>
    (await (await fetch(`${instance.url}/rooms/busy/info`)).json()).active_connections;
  // One after the other has to arrive while others do not read: the room is not slowed to their pace.
  while (sent < 400 && (await active()) > 2) {
    talker.say(text);
    sent++;
    await listener.got('message', ({ seq }) => seq === sent);
  }
  expect(sent).toBeGreaterThan(0);
  // Everything that was sent before, in order, and then why.
  slow.socket.resume();
  expect(await slow.closeCode()).toBe(3008);
  // The other never reads again: it is cut, and leaves nothing behind.
  await eventually('both are gone', () => descriptors() <= before - 2);
  expect(listener.sequence().map(({ seq }) => seq)).toEqual(
    Array.from({ length: sent }, (_, index) => index + 1),
  );
}, 30_000);

test('a thousand connections that come and go leave no descriptor behind', async () => {
  const open = async () => {
    const raw = await openRawWebSocket(instance.url, '/ws/passing');
    // Half of them say goodbye, the others are just gone.
    if (Math.random() < 0.5) raw.socket.end(rawFrame(8, Buffer.from([3, 232])));
    else raw.socket.destroy();
  };
  const round = () => Promise.all(Array.from({ length: 50 }, open));
  const allGone = () => eventually('all are gone', async () => (await connections()) === 2);
  await openAllThatStays();
  await round();
  await allGone();
  const before = descriptors();
  for (let count = 0; count < 20; count++) await round();
  await allGone();
  await eventually('no more descriptors than before', () => descriptors() <= before + 2);
}, 30_000);

/** Connections to the database are opened as they are needed, and stay. */
async function openAllThatStays(): Promise<void> {
  await Promise.all(
    Array.from({ length: 50 }, async () => (await fetch(`${instance.url}/rooms/busy/messages`)).text()),
  );
}

async function connections(): Promise<number> {
  const text = await (await fetch(`${instance.url}/metrics`)).text();
  return Number(/^chat_connections (\d+)$/m.exec(text)?.[1]);
}

test('an instance that ends sends everybody away with 3001, and lets nobody in', async () => {
  const ending = await chat.start();
  const talkers = await Promise.all(Array.from({ length: 60 }, () => enterRoom(ending.url, 'ending')));
  const stopped = ending.stop();
  expect(new Set(await Promise.all(talkers.map(({ closed }) => closed)))).toEqual(new Set([3001]));
  await stopped;
}, 30_000);
