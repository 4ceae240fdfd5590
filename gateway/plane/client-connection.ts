import type { Problem } from '#kit/problem';
import { type BodyDecoder, type ContentReceiver, createBodyDecoder } from '../http1/body-decoder';
import { UNTIL_CLOSE } from '../http1/framing';
import { MalformedMessage } from '../http1/malformed-message';
import { createRequestHeadReader, type IncomingRequest } from '../http1/request-head';
import type { ClientSide, RequestHandler } from './client-side';
import { handleRequest } from './handle-request';
import { createOutbox } from './outbox';
import type { Plane } from './plane';
import { unreadableAnswer } from './problem-answer';
import { problemOf, RequestTimeout } from './problems';
import type { Arrival } from './request-context';

/** What a client connection needs of its socket. */
export interface ClientSocket {
  write(bytes: Buffer, offset: number, length: number): number;
  pause(): void;
  resume(): void;
  shutdown(): void;
  end(): void;
  terminate(): void;
}

/** Events of one client's socket, and what a draining gateway asks of it. */
export interface ClientConnection {
  received(bytes: Buffer): void;
  drained(): void;
  ended(): void;
  closed(): void;
  /** Closes it when no request is running; a running one is the last. */
  closeWhenIdle(): void;
  terminate(): void;
}

/** What a client may still send behind its last response before it is cut off. */
const MOST_LINGERING_BYTES = 1024 * 1024;

type Mode =
  /** Between requests, or within a head. */
  | 'head'
  | 'body'
  /** The request is whole, its response is not. */
  | 'response'
  /** The last response is written; what comes is read over until the client closes. */
  | 'linger'
  | 'closed';

/** Reads requests from one client's connection and has them handled one after the other. */
export function createClientConnection(
  socket: ClientSocket,
  arrival: Arrival,
  plane: Plane,
): ClientConnection {
  const { limits, clock } = plane;
  const reader = createRequestHeadReader(limits);
  let mode: Mode = 'head';
  let decoder: BodyDecoder | null = null;
  let handler: RequestHandler | null = null;
  /** Read, but not looked at before the running request has ended. */
  let ahead: Buffer | null = null;
  let processing = false;
  let paused = false;
  let handlerPaused = false;
  let clientEnded = false;
  let tunnel = false;
  let shutdownAsked = false;
  let headStarted = true;
  let bytesInWindow = 0;

  const reading = clock.create(readingTookTooLong);
  const answering = clock.create(() => handler?.timeUp());
  const stall = clock.create(() => terminate());
  const outbox = createOutbox(
    () => socket,
    stall,
    limits.writeStallMs,
    () => {
      if (shutdownAsked) shutdownNow();
      else handler?.drained();
    },
  );

  const side: ClientSide = {
    arrival,
    deadline: answering,
    get bodyComplete() {
      return decoder === null || decoder.done;
    },
    push: outbox.push,
    pushBytes: outbox.pushBytes,
    flush() {
      if (clientEnded && !tunnel) reading.set(limits.halfClosedMs);
      return outbox.flush();
    },
    pause,
    resume,
    finish,
    abort: terminate,
    becomeTunnel(next) {
      tunnel = true;
      mode = 'body';
      handler = next;
      decoder = createBodyDecoder(UNTIL_CLOSE);
      reading.clear();
      if (!processing) processAhead();
      if (clientEnded) next.end([]);
    },
    shutdown() {
      shutdownAsked = true;
      if (outbox.flush()) shutdownNow();
    },
  };

  const body: ContentReceiver = {
    content(bytes, start, end) {
      bytesInWindow += end - start;
      handler?.content(bytes, start, end);
    },
  };

  function process(bytes: Buffer) {
    let position = 0;
    processing = true;
    try {
      while (position < bytes.length) {
        if (mode === 'head') position = readHead(bytes, position);
        else if (mode === 'body') position = readBody(bytes, position);
        else break;
      }
      if (mode === 'body') handler?.flush();
    } catch (failure) {
      if (!(failure instanceof MalformedMessage)) throw failure;
      malformed(failure);
    } finally {
      processing = false;
    }
    if (position < bytes.length && mode === 'response') {
      ahead = bytes.subarray(position);
    }
    pauseOrResume();
  }

  function readHead(bytes: Buffer, position: number): number {
    const request = reader.read(bytes, position);
    if (request !== null) {
      begin(request);
      return reader.consumed;
    }
    if (!headStarted) reading.set(limits.headMs);
    headStarted = true;
    return bytes.length;
  }

  function begin(request: IncomingRequest) {
    const bodyless = request.framing.kind === 'none';
    decoder = bodyless ? null : createBodyDecoder(request.framing);
    mode = bodyless || decoder?.done ? 'response' : 'body';
    bytesInWindow = 0;
    if (mode === 'body') reading.set(limits.bodyProgressMs);
    else reading.clear();
    const started = handleRequest(side, request, plane);
    // Refused requests have ended by now.
    if (mode !== 'response' && mode !== 'body') return;
    handler = started;
    if (mode === 'response') handler.end([]);
  }

  function readBody(bytes: Buffer, position: number): number {
    if (decoder === null) return bytes.length;
    const next = decoder.decode(bytes, position, body);
    if (mode === 'body' && decoder.done) {
      mode = 'response';
      reading.clear();
      handler?.end(decoder.trailers);
    }
    return next;
  }

  function finish(keepAlive: boolean) {
    handler = null;
    handlerPaused = false;
    answering.clear();
    if (mode === 'closed') return;
    if (!keepAlive || plane.draining() || mode !== 'response' || (clientEnded && ahead === null)) {
      closeGently();
      return;
    }
    decoder = null;
    mode = 'head';
    headStarted = false;
    reading.set(limits.keepAliveMs);
    if (!processing) processAhead();
  }

  function processAhead() {
    const bytes = ahead;
    ahead = null;
    if (bytes !== null) process(bytes);
    pauseOrResume();
  }

  /** Writes what is left, ends our side, and reads on for a while: closing with bytes unread would take the answer back. */
  function closeGently() {
    mode = 'linger';
    bytesInWindow = 0;
    ahead = null;
    reading.clear();
    resume();
    side.shutdown();
  }

  function shutdownNow() {
    if (mode === 'linger') reading.set(limits.lingerMs);
    if (clientEnded) socket.end();
    else socket.shutdown();
  }

  function malformed(failure: MalformedMessage) {
    const running = handler;
    if (running !== null) {
      // The head was well-formed and is being answered; its body is not, so there is no way on.
      running.gone();
      terminate();
      return;
    }
    refuseUnread(problemOf(failure));
  }

  function refuseUnread(problem: Problem) {
    plane.accessLog.unreadable(arrival.address, problem.status, problem.code);
    const answer = unreadableAnswer(problem, crypto.randomUUID());
    outbox.pushBytes(answer, 0, answer.length);
    closeGently();
  }

  function readingTookTooLong() {
    if (mode === 'head' && reader.started) refuseUnread(new RequestTimeout());
    else if (mode === 'head') closeGently();
    else if (mode === 'body' && (paused || bytesInWindow >= limits.bodyProgressBytes)) {
      // While we are the one who is not reading, the client is not slow.
      bytesInWindow = 0;
      reading.set(limits.bodyProgressMs);
    } else terminate();
  }

  function pause() {
    handlerPaused = true;
    pauseOrResume();
  }

  function resume() {
    handlerPaused = false;
    pauseOrResume();
  }

  function pauseOrResume() {
    const shouldPause = handlerPaused || ahead !== null;
    if (shouldPause === paused || mode === 'closed') return;
    paused = shouldPause;
    if (shouldPause) socket.pause();
    else socket.resume();
  }

  function terminate() {
    socket.terminate();
    closed();
  }

  function closed() {
    if (mode === 'closed') return;
    mode = 'closed';
    const running = handler;
    handler = null;
    reading.dispose();
    answering.dispose();
    stall.dispose();
    running?.gone();
  }

  reading.set(limits.headMs);
  return {
    received(bytes) {
      if (mode === 'head' || mode === 'body') process(bytes);
      else if (mode === 'response') {
        ahead = ahead === null ? bytes : Buffer.concat([ahead, bytes]);
        pauseOrResume();
      } else if (mode === 'linger') {
        bytesInWindow += bytes.length;
        if (bytesInWindow > MOST_LINGERING_BYTES) terminate();
      }
    },
    drained: () => outbox.drained(),
    ended() {
      clientEnded = true;
      if (tunnel) handler?.end([]);
      else if (mode === 'response') reading.set(limits.halfClosedMs);
      else if (mode === 'head' && !reader.started) closeGently();
      else if (mode === 'linger') {
        if (outbox.empty) socket.end();
      } else terminate();
    },
    closed,
    closeWhenIdle() {
      if (mode === 'head' && !reader.started) closeGently();
    },
    terminate,
  };
}
