import { expect, test } from 'bun:test';
import type { ServerSocket } from '#kit/http/streams/websockets';
import { createConnection } from './connection';

const PING_EVERY_MS = 25_000;
const PONG_TIMEOUT_MS = 10_000;

/** A connection with a fake clock and socket; `queuedBytes` is the socket's send queue. */
function connect() {
  const events: string[] = [];
  const state = { nowMs: 0, queuedBytes: 0 };
  const socket: ServerSocket = {
    readyState: WebSocket.OPEN,
    getBufferedAmount: () => state.queuedBytes,
    cork: (work) => work(socket),
    send: (text) => events.push(`sent ${text}`),
    ping: () => events.push('ping'),
    close: (code) => void events.push(`closed ${code}`),
    terminate: () => void events.push('terminated'),
  };
  const connection = createConnection({
    caller: null,
    token: null,
    tokens: {
      verify: () => Promise.reject(new Error('unexpected token')),
      identify: () => Promise.reject(new Error('unexpected token')),
      identified: () => undefined,
    },
    position: 0,
    messagesPerSecond: 10,
    now: () => state.nowMs,
    onOpen: () => undefined,
    onClose: () => void events.push('left'),
    onMessage: async () => undefined,
    onTyping: () => undefined,
  });
  connection.events.open(socket);
  return {
    connection,
    events,
    state,
    /** Advances the clock by ticks of a second. */
    advance(ms: number) {
      for (const until = state.nowMs + ms; state.nowMs < until; ) {
        state.nowMs += 1_000;
        connection.tick();
      }
    },
  };
}

test('a connection is pinged every 25 seconds, and stays open while it sends pongs or frames', () => {
  const { connection, events, advance } = connect();
  advance(PING_EVERY_MS - 1_000);
  expect(events).toEqual([]);
  advance(1_000);
  expect(events).toEqual(['ping']);
  connection.events.pong();
  advance(PING_EVERY_MS);
  expect(events).toEqual(['ping', 'ping']);
  connection.events.message('{"type":"typing"}');
  advance(PING_EVERY_MS);
  expect(events).toEqual(['ping', 'ping', 'ping']);
});

test('a connection without a pong within ten seconds is closed with 3012, once', () => {
  const { connection, events, advance } = connect();
  advance(PING_EVERY_MS + PONG_TIMEOUT_MS);
  expect(events).toEqual(['ping']);
  advance(1_000);
  expect(events).toEqual(['ping', 'left', 'closed 3012']);
  advance(PING_EVERY_MS);
  connection.events.close(1006);
  expect(events).toEqual(['ping', 'left', 'closed 3012']);
});

test('a connection whose send queue exceeds 1 MiB is closed immediately, and sent nothing more', () => {
  const { connection, events, state } = connect();
  const frames = (seqs: number[]) => seqs.map((seq) => ({ seq, text: String(seq) }));
  state.queuedBytes = 1024 * 1024;
  connection.sendSequence(frames([1, 2]));
  expect(events).toEqual(['sent 1', 'sent 2']);
  state.queuedBytes++;
  connection.sendSequence(frames([3, 4]));
  connection.send('more');
  expect(events).toEqual(['sent 1', 'sent 2', 'sent 3', 'left']);
  expect(connection.isOpen).toBe(false);
});
