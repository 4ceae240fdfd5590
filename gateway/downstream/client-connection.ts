import type { Problem } from '#kit/errors/problem';
import { type BodyDecoder, type ContentReceiver, createBodyDecoder } from '../http1/body-decoder';
import { UNTIL_CLOSE } from '../http1/framing';
import { MalformedMessage } from '../http1/malformed-message';
import type { IncomingRequest } from '../http1/message';
import { createRequestHeadReader } from '../http1/request-head';
import { problemOfMalformedMessage, RequestTimeout } from '../model/problems';
import type { Plane } from '../proxy/data-plane';
import { handleRequest } from '../proxy/pipeline';
import type { Arrival } from './client-origin';
import { type ClientSide, CONTINUE_HEAD, type RequestHandler } from './client-stream';
import type { Yielding } from './connection-limit';
import { createClosing, type EndableSocket } from './lingering-close';
import { unreadableAnswer } from './problem-response';
import { createIntake, type PausableSocket } from './read-buffer';
import { type ByteSink, createOutbox } from './write-queue';

/** What a client connection needs of its socket. */
export interface ClientSocket extends ByteSink, PausableSocket, EndableSocket {
  terminate(): void;
}

/** Events of one client's socket, and what a draining gateway asks of it. */
export interface ClientConnection extends Yielding {
  readonly arrival: Arrival;
  received(bytes: Buffer): void;
  drained(): void;
  ended(): void;
  closed(): void;
  /** Closes it when no request is running; a running one is the last. */
  closeWhenIdle(): void;
  terminate(): void;
}

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
  let processing = false;
  let clientEnded = false;
  /** Whether an interim response can be sent: to HTTP/1.1, and before anything of the response has been. */
  let mayProbe = false;
  let tunnel = false;
  /** Whether the next request waits until the response before it has been sent: a client that does not read gets no more. */
  let unsent = false;
  let headStarted = true;
  let bytesInWindow = 0;

  const reading = clock.create(readingTookTooLong);
  const answering = clock.create(() => handler?.timeUp());
  const stall = clock.create(() => terminate());
  /** Holds what comes behind the running request until that has ended. */
  const intake = createIntake(socket);
  const outbox = createOutbox(
    () => socket,
    stall,
    limits.writeStallMs,
    () => {
      if (closing.sent()) return;
      if (unsent) nextRequest();
      else handler?.drained();
    },
  );
  const closing = createClosing(socket, outbox, reading, limits.lingerMs, () => clientEnded, terminate);

  const side: ClientSide = {
    arrival,
    deadline: answering,
    get bodyComplete() {
      return decoder === null || decoder.done;
    },
    push: outbox.push,
    pushBytes: outbox.pushBytes,
    flush() {
      mayProbe = false;
      return outbox.flush();
    },
    pause: intake.pause,
    resume: intake.resume,
    finish,
    abort: terminate,
    becomeTunnel(next) {
      tunnel = true;
      mode = 'body';
      handler = next;
      decoder = createBodyDecoder(UNTIL_CLOSE);
      reading.clear();
      if (!processing) processAhead();
      if (clientEnded) next.end();
    },
    shutdown: closing.shutdown,
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
      refuse(problemOfMalformedMessage(failure));
    } finally {
      processing = false;
    }
    if (position < bytes.length && mode === 'response') intake.hold(bytes.subarray(position));
    else if (clientEnded) nothingFollows();
  }

  /** What is not whole by now never will be. */
  function nothingFollows() {
    if (mode === 'head' && !reader.started) closeGently();
    else if (mode === 'head' || (mode === 'body' && !tunnel)) terminate();
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
    mayProbe = request.head.httpVersion === '1.1';
    if (mode === 'body') reading.set(limits.bodyProgressMs);
    else if (clientEnded) reading.set(limits.probeMs);
    else reading.clear();
    const started = handleRequest(side, request, plane);
    // Refused requests have ended by now.
    if (unsent || (mode !== 'response' && mode !== 'body')) return;
    handler = started;
    if (mode === 'response') handler.end();
  }

  function readBody(bytes: Buffer, position: number): number {
    if (decoder === null) return bytes.length;
    const next = decoder.decode(bytes, position, body);
    if (mode === 'body' && decoder.done) {
      mode = 'response';
      reading.clear();
      handler?.end();
    }
    return next;
  }

  function finish(keepAlive: boolean) {
    handler = null;
    answering.clear();
    if (mode === 'closed') return;
    intake.resume();
    if (!keepAlive || plane.draining() || mode !== 'response') closeGently();
    else if (outbox.empty) nextRequest();
    else unsent = true;
  }

  function nextRequest() {
    unsent = false;
    decoder = null;
    mode = 'head';
    headStarted = false;
    reading.set(limits.keepAliveMs);
    if (processing) return;
    processAhead();
    if (clientEnded) nothingFollows();
  }

  function processAhead() {
    const bytes = intake.take();
    if (bytes !== null) process(bytes);
    intake.settle();
  }

  function closeGently() {
    mode = 'linger';
    intake.take();
    reading.clear();
    intake.resume();
    closing.linger();
  }

  /** There is no way on: neither behind a head that cannot be read, nor within a body that cannot. */
  function refuse(problem: Problem) {
    if (handler !== null) {
      handler.refuse(problem);
      return;
    }
    plane.accessLog.unreadable(arrival.address, problem.status, problem.code);
    const answer = unreadableAnswer(problem, crypto.randomUUID());
    outbox.pushBytes(answer, 0, answer.length);
    closeGently();
  }

  function readingTookTooLong() {
    if (mode === 'head' && reader.started) refuse(new RequestTimeout());
    else if (mode === 'head') closeGently();
    else if (mode === 'body' && (intake.paused || bytesInWindow >= limits.bodyProgressBytes)) {
      // While we are the one who is not reading, the client is not slow.
      bytesInWindow = 0;
      reading.set(limits.bodyProgressMs);
    } else if (mode === 'response') probe();
    else if (mode === 'body') refuse(new RequestTimeout());
    else terminate();
  }

  /**
   * A client that has sent FIN waits for its answer or has left altogether: TCP does not tell. One that has left resets
   * the connection when something is sent to it, and the only thing that can be sent before the answer is an interim
   * response, which every HTTP/1.1 client reads over (RFC 9110, 15.2). Later, the response itself is what is sent.
   */
  function probe() {
    if (!mayProbe || !outbox.empty) return;
    outbox.push(CONTINUE_HEAD);
    outbox.flush();
    reading.set(limits.probeMs);
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
    arrival,
    received(bytes) {
      if (mode === 'head' || mode === 'body') process(bytes);
      else if (mode === 'response') {
        intake.hold(bytes);
      } else if (mode === 'linger') closing.readOver(bytes);
    },
    drained: () => outbox.drained(),
    ended() {
      clientEnded = true;
      if (tunnel) handler?.end();
      else if (mode === 'response') reading.set(limits.probeMs);
      else if (mode === 'linger') closing.clientEnded();
      else nothingFollows();
    },
    closed,
    closeWhenIdle() {
      if (mode === 'head' && !reader.started) closeGently();
    },
    giveWay() {
      if (mode !== 'head' || headStarted) return false;
      socket.end();
      closed();
      return true;
    },
    terminate,
  };
}
