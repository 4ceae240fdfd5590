import { expect, test } from 'bun:test';
import type { ServerSocket } from '#kit/http/websockets';
import { createConnection } from './connection';

const PING_EVERY_MS = 25_000;
const PONG_DEADLINE_MS = 10_000;

/** A connection on a clock and a socket of this test; `waiting` is what the socket says has not been sent yet. */
function connect() {
  const happened: string[] = [];
  const state = { nowMs: 0, waiting: 0 };
  const socket: ServerSocket = {
    readyState: WebSocket.OPEN,
    getBufferedAmount: () => state.waiting,
    cork: (work) => work(socket),
    send: (text) => happened.push(`sent ${text}`),
    ping: () => happened.push('ping'),
    close: (code) => void happened.push(`closed ${code}`),
    terminate: () => void happened.push('cut'),
  };
  const connection = createConnection({
    caller: null,
    token: null,
    tokens: { verify: () => Promise.reject(new Error('nobody has a token here')) },
    position: 0,
    messagesPerSecond: 10,
    now: () => state.nowMs,
    opened: () => undefined,
    closed: () => void happened.push('left'),
    say: async () => undefined,
    typing: () => undefined,
  });
  connection.events.open(socket);
  return {
    connection,
    happened,
    state,
    /** The ticks of so much time. */
    pass(ms: number) {
      for (const until = state.nowMs + ms; state.nowMs < until; ) {
        state.nowMs += 1_000;
        connection.tick();
      }
    },
  };
}

test('a connection is pinged every 25 seconds, and stays as long as it answers or says anything', () => {
  const { connection, happened, pass } = connect();
  pass(PING_EVERY_MS - 1_000);
  expect(happened).toEqual([]);
  pass(1_000);
  expect(happened).toEqual(['ping']);
  connection.events.pong();
  pass(PING_EVERY_MS);
  expect(happened).toEqual(['ping', 'ping']);
  connection.events.message('{"type":"typing"}');
  pass(PING_EVERY_MS);
  expect(happened).toEqual(['ping', 'ping', 'ping']);
});

test('one that does not answer a ping within ten seconds is closed with 3012, once', () => {
  const { connection, happened, pass } = connect();
  pass(PING_EVERY_MS + PONG_DEADLINE_MS);
  expect(happened).toEqual(['ping']);
  pass(1_000);
  expect(happened).toEqual(['ping', 'left', 'closed 3012']);
  pass(PING_EVERY_MS);
  connection.events.close(1006);
  expect(happened).toEqual(['ping', 'left', 'closed 3012']);
});

test('one whose queue has grown beyond a mebibyte leaves the room at once, and gets no more', () => {
  const { connection, happened, state } = connect();
  const frames = (seqs: number[]) => seqs.map((seq) => ({ seq, text: String(seq) }));
  state.waiting = 1024 * 1024;
  connection.sendSequence(frames([1, 2]));
  expect(happened).toEqual(['sent 1', 'sent 2']);
  state.waiting++;
  connection.sendSequence(frames([3, 4]));
  connection.send('more');
  expect(happened).toEqual(['sent 1', 'sent 2', 'sent 3', 'left']);
  expect(connection.isOpen).toBe(false);
});
