import type { Problem } from '#kit/errors/problem';
import { type BodyDecoder, type ContentReceiver, createBodyDecoder } from '../http1/body-decoder';
import { UNTIL_CLOSE } from '../http1/framing';
import { MalformedMessage } from '../http1/malformed-message';
import type { IncomingRequest } from '../http1/message';
import { createRequestHeadReader } from '../http1/request-head';
import { problemOfMalformedMessage, RequestTimeout } from '../model/problems';
import type { ClientPeer } from './client-origin';
import type { ClientStream, RequestHandler } from './client-stream';
import type { ClientConnection, ClientSocket, ConnectionServices } from './connection';
import { CONTINUE_HEAD } from './exchange';
import { createLingeringClose } from './lingering-close';
import { malformedRequestResponse } from './problem-response';
import { createReadBuffer } from './read-buffer';
import { createWriteQueue } from './write-queue';

type Mode =
  /** Between requests, or within a head. */
  | 'head'
  | 'body'
  /** The request is complete, its response is not. */
  | 'response'
  /** The last response is written; input is discarded until the client closes. */
  | 'linger'
  | 'closed';

/** Reads requests from one client connection and has them handled one after the other. */
export function createClientConnection(
  socket: ClientSocket,
  peer: ClientPeer,
  services: ConnectionServices,
): ClientConnection {
  const { limits, clock } = services;
  const reader = createRequestHeadReader(limits);
  let mode: Mode = 'head';
  let decoder: BodyDecoder | null = null;
  let handler: RequestHandler | null = null;
  let isProcessing = false;
  let hasClientEnded = false;
  /** Whether an interim response can be sent: to HTTP/1.1, and before any part of the response. */
  let canProbe = false;
  let isTunnel = false;
  let endsWithClient = false;
  /** Whether the next request waits until the previous response has been sent: backpressure to pipelining clients. */
  let awaitsFlush = false;
  let hasHeadStarted = true;
  let bytesInWindow = 0;

  const readDeadline = clock.create(readTimedOut);
  const handlerDeadline = clock.create(() => handler?.timedOut());
  const stall = clock.create(() => terminate());
  /** Buffers what follows the current request until that has ended. */
  const readBuffer = createReadBuffer(socket);
  const writeQueue = createWriteQueue(
    () => socket,
    stall,
    limits.writeStallMs,
    () => {
      if (closing.sent()) return;
      if (awaitsFlush) nextRequest();
      else handler?.drained();
    },
  );
  const closing = createLingeringClose(socket, {
    writeQueue,
    readDeadline,
    limits,
    hasClientEnded: () => hasClientEnded,
  });

  const stream: ClientStream = {
    peer,
    deadline: handlerDeadline,
    get bodyComplete() {
      return decoder === null || decoder.done;
    },
    push: writeQueue.push,
    pushBytes: writeQueue.pushBytes,
    flush() {
      canProbe = false;
      return writeQueue.flush();
    },
    pause: readBuffer.pause,
    resume: readBuffer.resume,
    finish,
    abort: terminate,
    endWithClient() {
      endsWithClient = true;
    },
    upgrade(next) {
      isTunnel = true;
      mode = 'body';
      handler = next;
      decoder = createBodyDecoder(UNTIL_CLOSE);
      readDeadline.clear();
      if (!isProcessing) processBuffered();
      if (hasClientEnded) next.end();
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
    isProcessing = true;
    try {
      while (position < bytes.length) {
        if (mode === 'head') position = readHead(bytes, position);
        else if (mode === 'body') position = readBody(bytes, position);
        else break;
      }
      if (mode === 'body') handler?.flush();
    } catch (failure) {
      if (!(failure instanceof MalformedMessage)) throw failure;
      reject(problemOfMalformedMessage(failure));
    } finally {
      isProcessing = false;
    }
    if (position < bytes.length && mode === 'response') readBuffer.store(bytes.subarray(position));
    else if (hasClientEnded) endOfInput();
  }

  /** An incomplete request stays incomplete. */
  function endOfInput() {
    if (mode === 'head' && !reader.started) closeGracefully();
    else if (mode === 'head' || (mode === 'body' && !isTunnel)) terminate();
  }

  function readHead(bytes: Buffer, position: number): number {
    const request = reader.read(bytes, position);
    if (request !== null) {
      begin(request);
      return reader.consumed;
    }
    if (!hasHeadStarted) readDeadline.set(limits.headMs);
    hasHeadStarted = true;
    return bytes.length;
  }

  function begin(request: IncomingRequest) {
    const isBodyless = request.framing.kind === 'none';
    decoder = isBodyless ? null : createBodyDecoder(request.framing);
    mode = isBodyless || decoder?.done ? 'response' : 'body';
    bytesInWindow = 0;
    endsWithClient = false;
    canProbe = request.head.httpVersion === '1.1';
    if (mode === 'body') readDeadline.set(limits.bodyProgressMs);
    else if (hasClientEnded) readDeadline.set(limits.probeMs);
    else readDeadline.clear();
    const started = services.handle(stream, request);
    // Rejected requests have ended by now.
    if (awaitsFlush || (mode !== 'response' && mode !== 'body')) return;
    handler = started;
    if (mode === 'response') handler.end();
  }

  function readBody(bytes: Buffer, position: number): number {
    if (decoder === null) return bytes.length;
    const next = decoder.decode(bytes, position, body);
    if (mode === 'body' && decoder.done) {
      mode = 'response';
      readDeadline.clear();
      handler?.end();
    }
    return next;
  }

  function finish(keepAlive: boolean) {
    handler = null;
    handlerDeadline.clear();
    if (mode === 'closed') return;
    readBuffer.resume();
    if (!keepAlive || services.isDraining() || mode !== 'response') closeGracefully();
    else if (writeQueue.isEmpty) nextRequest();
    else awaitsFlush = true;
  }

  function nextRequest() {
    awaitsFlush = false;
    decoder = null;
    mode = 'head';
    hasHeadStarted = false;
    readDeadline.set(limits.keepAliveMs);
    if (isProcessing) return;
    processBuffered();
    if (hasClientEnded) endOfInput();
  }

  function processBuffered() {
    const bytes = readBuffer.take();
    if (bytes !== null) process(bytes);
    readBuffer.settle();
  }

  function closeGracefully() {
    mode = 'linger';
    readBuffer.take();
    readDeadline.clear();
    readBuffer.resume();
    closing.linger();
  }

  /** The connection cannot continue after a malformed head or body. */
  function reject(problem: Problem) {
    if (handler !== null) {
      handler.reject(problem);
      return;
    }
    services.accessLog.malformed(peer.address, problem.status, problem.code);
    const response = malformedRequestResponse(problem, crypto.randomUUID());
    writeQueue.pushBytes(response, 0, response.length);
    closeGracefully();
  }

  function readTimedOut() {
    if (mode === 'head' && reader.started) reject(new RequestTimeout());
    else if (mode === 'head') closeGracefully();
    else if (mode === 'body' && (readBuffer.isPaused || bytesInWindow >= limits.bodyProgressBytes)) {
      // A client is not slow while the gateway itself has paused reading.
      bytesInWindow = 0;
      readDeadline.set(limits.bodyProgressMs);
    } else if (mode === 'response') probe();
    else if (mode === 'body') reject(new RequestTimeout());
    else terminate();
  }

  /**
   * A client that has sent FIN either waits for its response or has gone: TCP does not tell. One that has gone resets the
   * connection when something is sent to it, and the only thing that can be sent before the response is an interim
   * response, which every HTTP/1.1 client ignores (RFC 9110, 15.2). Later, the response itself serves as the probe.
   */
  function probe() {
    if (!canProbe || !writeQueue.isEmpty) return;
    writeQueue.push(CONTINUE_HEAD);
    writeQueue.flush();
    readDeadline.set(limits.probeMs);
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
    readDeadline.dispose();
    handlerDeadline.dispose();
    stall.dispose();
    running?.disconnected();
  }

  readDeadline.set(limits.headMs);
  return {
    peer,
    received(bytes) {
      if (mode === 'head' || mode === 'body') process(bytes);
      else if (mode === 'response') readBuffer.store(bytes);
      else if (mode === 'linger') closing.discard();
    },
    drained: () => writeQueue.drained(),
    ended() {
      hasClientEnded = true;
      if (isTunnel) handler?.end();
      else if (mode === 'response' && endsWithClient) terminate();
      else if (mode === 'response') readDeadline.set(limits.probeMs);
      else if (mode === 'linger') closing.clientEnded();
      else endOfInput();
    },
    closed,
    closeWhenIdle() {
      if (mode === 'head' && !reader.started) closeGracefully();
    },
    evictIfIdle() {
      if (mode !== 'head' || hasHeadStarted) return false;
      socket.end();
      closed();
      return true;
    },
    terminate,
  };
}
