import type { Caller } from '#kit/auth/caller';
import type { TokenVerifier } from '#kit/auth/tokens';
import { Problem } from '#kit/errors/problem';
import { closeSocket, type ServerSocket, type WebSocketEvents } from '#kit/http/websockets';
import { CLOSE, type Closing } from './close-codes';
import { errorFrame, type SequencedFrame } from './frames';
import type { Inbound, Sender } from './model';
import { createRateLimit, parseInbound } from './rules';

/** Centrifugo's default for its clients' queues. */
const SEND_QUEUE_BYTES = 1024 * 1024;
/** A connection that catches up gets more when no more than this is waiting. */
const LITTLE_WAITING_BYTES = 64 * 1024;
const CATCH_UP_DEADLINE_MS = 15_000;
const PING_EVERY_MS = 25_000;
const PONG_DEADLINE_MS = 10_000;
/** A revoked token is heard of within moments; so long after that its connection is closed. */
const TOKEN_CHECK_MS = 2_000;
const MOST_ERRORS = 20;
/** Refused for their rate: whoever goes on and on is no person who types. */
const MOST_REFUSED = 200;
const TYPING_REST_MS = 2_000;

/** One WebSocket in a room. */
export interface Connection {
  readonly user: Sender | undefined;
  readonly isOpen: boolean;
  /** The number up to which it was sent everything. */
  readonly position: number;
  send(text: string): void;
  /** Sends those frames that come after its position, which must be the next ones. */
  sendSequence(frames: readonly SequencedFrame[]): void;
  /** Resolves when little is waiting to be sent, or it is closed. A reader that takes too long is. */
  drained(): Promise<void>;
  end(closing: Closing): void;
  /** To be called about once a second: pings, and closes when its token has ended or nobody answers. */
  tick(): void;
}

export interface ConnectionOptions {
  readonly caller: Caller | null;
  readonly token: string | null;
  readonly tokens: TokenVerifier;
  readonly position: number;
  readonly messagesPerSecond: number;
  /** Monotonic, in milliseconds. */
  readonly now: () => number;
  /** What it sees first. */
  opened(connection: Connection): void;
  /** @param why undefined when the other side left */
  closed(connection: Connection, why: Closing | undefined): void;
  /** Takes a message; what it answers is sent to this connection alone. */
  say(message: Exclude<Inbound, { type: 'typing' }>): Promise<string | undefined>;
  typing(): void;
}

export function createConnection(options: ConnectionOptions): Connection & { events: WebSocketEvents } {
  const { caller, token, tokens, now } = options;
  const mayEnter = createRateLimit(options.messagesPerSecond, now);
  let socket: ServerSocket | undefined;
  let ended = false;
  let position = options.position;
  let errors = 0;
  let refused = 0;
  let typedMs = Number.NEGATIVE_INFINITY;
  let pingedMs = now();
  let isAnswered = true;
  let checkedMs = now();
  let wakeDrained: (() => void) | undefined;

  const connection: Connection = {
    user: caller === null ? undefined : { id: caller.id, username: caller.username },
    get isOpen() {
      return socket !== undefined && !ended;
    },
    get position() {
      return position;
    },
    send(text) {
      if (socket === undefined || ended) return;
      socket.send(text);
      if (socket.getBufferedAmount() > SEND_QUEUE_BYTES) connection.end(CLOSE.slow);
    },
    sendSequence(frames) {
      socket?.cork(() => {
        for (const frame of frames) {
          if (frame.seq <= position) continue;
          connection.send(frame.text);
          position = frame.seq;
        }
      });
    },
    async drained() {
      const deadline = now() + CATCH_UP_DEADLINE_MS;
      while (connection.isOpen && (socket?.getBufferedAmount() ?? 0) > LITTLE_WAITING_BYTES) {
        const leftMs = deadline - now();
        if (leftMs <= 0) connection.end(CLOSE.slow);
        else await nextDrain(leftMs);
      }
    },
    end(closing) {
      if (ended) return;
      leave(closing);
      if (socket !== undefined) closeSocket(socket, closing.code, closing.reason);
    },
    tick() {
      if (!connection.isOpen) return;
      const nowMs = now();
      const isLate = !isAnswered && nowMs - pingedMs > PONG_DEADLINE_MS;
      if (caller !== null && Date.now() >= caller.expiresAt * 1000) connection.end(CLOSE.tokenEnded);
      else if (isLate) connection.end(CLOSE.noPong);
      else {
        pingInTime(nowMs);
        checkTokenInTime(nowMs);
      }
    },
  };

  function pingInTime(nowMs: number): void {
    if (!isAnswered || nowMs - pingedMs < PING_EVERY_MS) return;
    pingedMs = nowMs;
    isAnswered = false;
    socket?.ping();
  }

  function checkTokenInTime(nowMs: number): void {
    if (token === null || nowMs - checkedMs < TOKEN_CHECK_MS) return;
    checkedMs = nowMs;
    void checkToken(token);
  }

  /** At once, although the socket may yet take a while to close. */
  function leave(why?: Closing): void {
    if (ended) return;
    ended = true;
    wakeDrained?.();
    options.closed(connection, why);
  }

  function nextDrain(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      wakeDrained = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async function checkToken(known: string): Promise<void> {
    try {
      await tokens.verify(known);
    } catch (failure) {
      // Whether it is good cannot be told while auth is away; it was, when the connection began.
      if (failure instanceof Problem && failure.status === 401)
        connection.end(Date.now() >= (caller?.expiresAt ?? 0) * 1000 ? CLOSE.tokenEnded : CLOSE.tokenRevoked);
    }
  }

  function receive(text: string): void {
    const frame = parseInbound(text);
    if (frame === undefined) refuseFrame();
    else if (frame.type === 'typing') receiveTyping();
    else if (mayEnter()) receiveMessage(frame);
    else refuseForRate(frame.client_id);
  }

  function receiveMessage(frame: Exclude<Inbound, { type: 'typing' }>): void {
    options.say(frame).then(
      (answer) => {
        if (answer !== undefined) connection.send(answer);
      },
      (failure: unknown) => connection.send(refusal(failure, frame.client_id)),
    );
  }

  function refuseFrame(): void {
    connection.send(errorFrame('chat.invalid-frame', 'Send JSON like {"message":"…"}.'));
    if (++errors > MOST_ERRORS) connection.end(CLOSE.tooManyErrors);
  }

  function refuseForRate(clientId: string | undefined): void {
    connection.send(errorFrame('chat.rate-limited', 'Too many messages; wait a second.', clientId));
    if (++refused > MOST_REFUSED) connection.end(CLOSE.tooManyMessages);
  }

  function receiveTyping(): void {
    const nowMs = now();
    if (nowMs - typedMs < TYPING_REST_MS) return;
    typedMs = nowMs;
    options.typing();
  }

  const events: WebSocketEvents = {
    open(opened) {
      socket = opened;
      options.opened(connection);
    },
    message(message) {
      if (ended) return;
      // Whatever comes proves that somebody is there.
      isAnswered = true;
      if (typeof message === 'string') receive(message);
      else connection.end(CLOSE.notText);
    },
    pong() {
      isAnswered = true;
    },
    drain() {
      wakeDrained?.();
    },
    close: () => leave(),
  };
  return Object.assign(connection, { events });
}

const refusal = (failure: unknown, clientId: string | undefined): string =>
  failure instanceof Problem
    ? errorFrame(failure.code, failure.detail ?? failure.title, clientId)
    : errorFrame('dependency.unavailable', 'It was not kept; send it again in a moment.', clientId);
