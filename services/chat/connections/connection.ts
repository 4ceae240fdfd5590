import type { Caller } from '#kit/auth/caller';
import type { TokenVerifier } from '#kit/auth/tokens';
import { Problem } from '#kit/errors/problem';
import { closeSocket, type ServerSocket, type WebSocketEvents } from '#kit/http/streams/websockets';
import { errorFrame, invalidFrame, type SequencedFrame } from '../live/frames';
import type { Sender } from '../messages/model';
import { CLOSE, type CloseReason } from './close-codes';
import type { Inbound, InboundMessage } from './model';
import { createMessageLimit, parseInbound } from './rules';

/** Centrifugo's default for its clients' queues. */
const MAX_SEND_QUEUE_BYTES = 1024 * 1024;
/** A recovering connection is sent the next frames below this. */
const LOW_SEND_QUEUE_BYTES = 64 * 1024;
const RECOVERY_DRAIN_TIMEOUT_MS = 15_000;
const PING_EVERY_MS = 25_000;
const PONG_TIMEOUT_MS = 10_000;
/** Revocations reach this instance within moments; the connection is closed at most this much later. */
const TOKEN_CHECK_EVERY_MS = 2_000;
const MAX_INVALID_FRAMES = 20;
/** Messages refused by the rate limit. Nobody who types exceeds it that often. */
const MAX_RATE_LIMITED = 200;
const TYPING_INTERVAL_MS = 2_000;

/** A WebSocket in a room. */
export interface Connection {
  readonly user: Sender | undefined;
  readonly isOpen: boolean;
  /** The sequence number up to which everything was sent. */
  readonly position: number;
  send(text: string): void;
  /** Sends the frames after its position, which must be the next ones. */
  sendSequence(frames: readonly SequencedFrame[]): void;
  /** Resolves when the send queue is short or the connection closed. A client that reads too slowly is closed. */
  drained(): Promise<void>;
  close(why: CloseReason): void;
  /** Call it about every second: sends pings, and closes when the token has expired or a pong is overdue. */
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
  /** Sends the first frames. */
  onOpen(connection: Connection): void;
  /** @param why undefined when the client closed it */
  onClose(connection: Connection, why: CloseReason | undefined): void;
  /** Stores a message. @returns a frame for this connection only */
  onMessage(message: InboundMessage): Promise<string | undefined>;
  onTyping(): void;
}

export function createConnection(options: ConnectionOptions): Connection & { events: WebSocketEvents } {
  const { caller, token, tokens, now } = options;
  const isAdmitted = createMessageLimit(options.messagesPerSecond, now);
  let socket: ServerSocket | undefined;
  let closed = false;
  let position = options.position;
  let invalidFrames = 0;
  let rateLimited = 0;
  let typedAtMs = Number.NEGATIVE_INFINITY;
  let pingedAtMs = now();
  let isAlive = true;
  let tokenCheckedAtMs = now();
  /** An opaque token stands for one JWT after another. */
  let expiresAt = caller?.expiresAt ?? Infinity;
  let wakeDrained: (() => void) | undefined;

  const connection: Connection = {
    user: caller === null ? undefined : { id: caller.id, username: caller.username },
    get isOpen() {
      return socket !== undefined && !closed;
    },
    get position() {
      return position;
    },
    send(text) {
      if (socket === undefined || closed) return;
      socket.send(text);
      if (socket.getBufferedAmount() > MAX_SEND_QUEUE_BYTES) connection.close(CLOSE.slow);
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
      const deadline = now() + RECOVERY_DRAIN_TIMEOUT_MS;
      while (connection.isOpen && (socket?.getBufferedAmount() ?? 0) > LOW_SEND_QUEUE_BYTES) {
        const remainingMs = deadline - now();
        if (remainingMs <= 0) connection.close(CLOSE.slow);
        else await nextDrain(remainingMs);
      }
    },
    close(why) {
      if (closed) return;
      markClosed(why);
      if (socket !== undefined) closeSocket(socket, why.code, why.reason);
    },
    tick() {
      if (!connection.isOpen) return;
      const nowMs = now();
      const isPongOverdue = !isAlive && nowMs - pingedAtMs > PONG_TIMEOUT_MS;
      if (Date.now() >= expiresAt * 1000) connection.close(CLOSE.tokenExpired);
      else if (isPongOverdue) connection.close(CLOSE.noPong);
      else {
        pingIfDue(nowMs);
        checkTokenIfDue(nowMs);
      }
    },
  };

  function pingIfDue(nowMs: number): void {
    if (!isAlive || nowMs - pingedAtMs < PING_EVERY_MS) return;
    pingedAtMs = nowMs;
    isAlive = false;
    socket?.ping();
  }

  function checkTokenIfDue(nowMs: number): void {
    if (token === null || nowMs - tokenCheckedAtMs < TOKEN_CHECK_EVERY_MS) return;
    tokenCheckedAtMs = nowMs;
    void checkToken(token);
  }

  /** Takes effect immediately, although the socket may take a while to close. */
  function markClosed(why?: CloseReason): void {
    if (closed) return;
    closed = true;
    wakeDrained?.();
    options.onClose(connection, why);
  }

  function nextDrain(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      wakeDrained = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async function checkToken(current: string): Promise<void> {
    try {
      const identified = await tokens.identify(current);
      if (caller !== null) expiresAt = identified.expiresAt;
    } catch (failure) {
      // Any other failure means that auth is unavailable: the token was valid when the connection opened.
      if (failure instanceof Problem && failure.status === 401)
        connection.close(Date.now() >= expiresAt * 1000 ? CLOSE.tokenExpired : CLOSE.tokenRevoked);
    }
  }

  function receive(text: string): void {
    let frame: Inbound;
    try {
      frame = parseInbound(text);
    } catch (failure) {
      refuseInvalidFrame(failure);
      return;
    }
    if (frame.type === 'typing') receiveTyping();
    else if (isAdmitted()) receiveMessage(frame);
    else refuseRateLimited(frame.client_id);
  }

  function receiveMessage(frame: InboundMessage): void {
    options.onMessage(frame).then(
      (reply) => {
        if (reply !== undefined) connection.send(reply);
      },
      (failure: unknown) => connection.send(errorFrameOf(failure, frame.client_id)),
    );
  }

  function refuseInvalidFrame(failure: unknown): void {
    if (!(failure instanceof Problem)) throw failure;
    connection.send(invalidFrame(failure.errors));
    if (++invalidFrames > MAX_INVALID_FRAMES) connection.close(CLOSE.tooManyErrors);
  }

  function refuseRateLimited(clientId: string | undefined): void {
    connection.send(errorFrame('chat.rate-limited', 'Too many messages; wait a second.', clientId));
    if (++rateLimited > MAX_RATE_LIMITED) connection.close(CLOSE.tooManyMessages);
  }

  function receiveTyping(): void {
    const nowMs = now();
    if (nowMs - typedAtMs < TYPING_INTERVAL_MS) return;
    typedAtMs = nowMs;
    options.onTyping();
  }

  const events: WebSocketEvents = {
    open(opened) {
      socket = opened;
      options.onOpen(connection);
    },
    message(message) {
      if (closed) return;
      // Any frame proves that the client is alive.
      isAlive = true;
      if (typeof message === 'string') receive(message);
      else connection.close(CLOSE.notText);
    },
    pong() {
      isAlive = true;
    },
    drain() {
      wakeDrained?.();
    },
    close: () => markClosed(),
  };
  return Object.assign(connection, { events });
}

const errorFrameOf = (failure: unknown, clientId: string | undefined): string =>
  failure instanceof Problem
    ? errorFrame(failure.code, failure.detail ?? failure.title, clientId)
    : errorFrame(
        'dependency.unavailable',
        'The message was not stored; send it again in a moment.',
        clientId,
      );
