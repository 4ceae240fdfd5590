import { type BodyDecoder, type ContentReceiver, createBodyDecoder } from '../http1/body-decoder';
import { type BodyEncoder, createBodyEncoder } from '../http1/body-encoder';
import type { Framing } from '../http1/framing';
import { MalformedMessage } from '../http1/malformed-message';
import type { HeaderList, IncomingResponse } from '../http1/message';
import type { Attempt } from '../model/attempt';
import type { UpstreamConnection, UpstreamUser } from './connection';

/** Why an upstream request ended without a complete response. */
export type UpstreamFailure =
  /** No connection was established: the instance has received nothing. */
  | 'unreachable'
  /** A reused connection was closed before the first byte of the response: most likely by an idle timeout. */
  | 'stale'
  | 'lost'
  | 'malformed';

/**
 * Events of an upstream request. None follows the end, a failure or `cancel`; of two requests that run in parallel only
 * the first three can come from either.
 */
export interface UpstreamEvents {
  /** A head with a status below 200, 101 included. */
  interim(from: UpstreamRequest, response: IncomingResponse): void;
  responded(from: UpstreamRequest, response: IncomingResponse): void;
  failed(from: UpstreamRequest, failure: UpstreamFailure): void;
  responseContent(bytes: Buffer, start: number, end: number): void;
  /** All content of one packet has been delivered. */
  responseFlush(): void;
  responseEnd(trailers: HeaderList): void;
  /** The instance accepts more of the request body. */
  upstreamDrained(): void;
}

export interface UpstreamRequestHead {
  readonly method: string;
  readonly headText: string;
  readonly framing: Framing;
}

/** Sends a request's head with what follows at the next `flush`. */
export function startUpstreamRequest(
  connection: UpstreamConnection,
  attempt: Attempt,
  { method, headText, framing }: UpstreamRequestHead,
  events: UpstreamEvents,
): UpstreamRequest {
  const started = new UpstreamRequest(attempt, connection, framing, events);
  connection.use(started);
  connection.reader.expect(method);
  connection.push(headText);
  return started;
}

const NO_BYTES = Buffer.alloc(0);
const NO_TRAILERS: HeaderList = [];
/** Responses up to this size are buffered until they are complete. */
const MAX_BUFFERED_BYTES = 64 * 1024;
/** Before the final head: an instance could send them forever. */
const MAX_INTERIM_HEADS = 16;

/**
 * One request sent to one instance. A class, because there is one for every forwarded request, and closures would be a
 * dozen objects each.
 */
export class UpstreamRequest implements UpstreamUser, ContentReceiver {
  private readonly encoder: BodyEncoder;
  private decoder: BodyDecoder | null = null;
  private response: IncomingResponse | null = null;
  private isSilent = true;
  private interimHeads = 0;
  private isSent: boolean;
  private isOver = false;
  private early: Buffer = NO_BYTES;
  private buffered: BufferedResponse | null = null;

  constructor(
    readonly attempt: Attempt,
    private readonly connection: UpstreamConnection,
    framing: Framing,
    private readonly events: UpstreamEvents,
  ) {
    this.encoder = createBodyEncoder(framing);
    this.isSent = framing.kind === 'none';
  }

  send(bytes: Buffer, start: number, end: number) {
    this.encoder.content(bytes, start, end, this.connection);
  }

  /** False when the instance applies backpressure: wait for `upstreamDrained`. */
  flush(): boolean {
    return this.connection.flush();
  }

  /**
   * A client's trailers are dropped: RFC 9110, 6.5.1 allows that, and Bun's server, which most services use, parses them
   * as the next request (oven-sh/bun#32887), whose response would then be delivered to another client.
   */
  end() {
    this.encoder.end(NO_TRAILERS, this.connection);
    this.isSent = true;
  }

  pause() {
    this.connection.pause();
  }

  resume() {
    this.connection.resume();
  }

  cancel() {
    if (this.isOver) return;
    this.isOver = true;
    this.connection.destroy();
  }

  /** Hands the connection over after a 101, with the bytes already read after it. */
  takeOver(next: UpstreamUser): { connection: UpstreamConnection; early: Buffer } {
    this.isOver = true;
    this.connection.detach();
    this.connection.use(next);
    return { connection: this.connection, early: this.early };
  }

  received(bytes: Buffer) {
    this.isSilent = false;
    try {
      this.read(bytes);
    } catch (failure) {
      if (!(failure instanceof MalformedMessage)) throw failure;
      this.fail('malformed');
    }
    if (!this.isOver) this.events.responseFlush();
  }

  drained() {
    this.events.upstreamDrained();
  }

  ended() {
    if (this.response?.framing.kind === 'until-close') this.finish(false);
    else this.fail(this.failureOfLoss(true));
  }

  lost(connected: boolean) {
    this.fail(this.failureOfLoss(connected));
  }

  /** Content of the response, from the decoder. */
  content(bytes: Buffer, start: number, end: number) {
    if (!this.isOver) this.events.responseContent(bytes, start, end);
  }

  private read(bytes: Buffer) {
    if (this.buffered !== null) {
      this.buffer(this.buffered, bytes);
      return;
    }
    const position = this.decoder === null ? this.readHeads(bytes) : 0;
    this.readBody(bytes, position);
  }

  private readBody(bytes: Buffer, position: number) {
    const { decoder } = this;
    if (this.isOver || decoder === null) return;
    const end = decoder.decode(bytes, position, this);
    if (!this.isOver && decoder.done) this.finish(end < bytes.length);
  }

  /** @returns where the body begins, once the final head is complete */
  private readHeads(bytes: Buffer): number {
    const { reader } = this.connection;
    let position = 0;
    while (!this.isOver && this.response === null) {
      const head = reader.read(bytes, position);
      if (head === null) return bytes.length;
      position = reader.consumed;
      if (head.status < 200) {
        if (++this.interimHeads > MAX_INTERIM_HEADS)
          throw new MalformedMessage(400, 'Too many interim responses');
        this.early = bytes.subarray(position);
        this.events.interim(this, head);
        continue;
      }
      this.response = head;
      const missing = this.isSent ? missingBytes(head, bytes.length - position) : 0;
      if (missing > 0) this.buffered = { head, parts: [bytes.subarray(position)], missing };
      else this.respond(head);
    }
    return position;
  }

  private respond(head: IncomingResponse) {
    this.decoder = createBodyDecoder(head.framing);
    this.events.responded(this, head);
  }

  /** A small response is relayed once it is complete: a truncated one can still be retried on another instance. */
  private buffer(buffered: BufferedResponse, bytes: Buffer) {
    buffered.parts.push(bytes);
    buffered.missing -= bytes.length;
    if (buffered.missing > 0) return;
    this.buffered = null;
    this.respond(buffered.head);
    this.readBody(Buffer.concat(buffered.parts), 0);
  }

  private finish(hasSurplus: boolean) {
    if (this.isOver) return;
    this.isOver = true;
    const { response } = this;
    // Bytes after the response belong to no request.
    const isReusable = !hasSurplus && response !== null && allowsReuse(response);
    if (this.isSent) this.connection.release(isReusable);
    else this.connection.destroy();
    this.events.responseEnd(this.decoder?.trailers ?? NO_TRAILERS);
  }

  private fail(failure: UpstreamFailure) {
    if (this.isOver) return;
    this.isOver = true;
    this.connection.destroy();
    this.events.failed(this, failure);
  }

  private failureOfLoss(connected: boolean): UpstreamFailure {
    if (!connected) return 'unreachable';
    return this.connection.reused && this.isSilent ? 'stale' : 'lost';
  }
}

/** A head whose body is incomplete. */
interface BufferedResponse {
  readonly head: IncomingResponse;
  readonly parts: Buffer[];
  /** Bytes. */
  missing: number;
}

/** Missing bytes of a response that is small enough to be buffered. */
const missingBytes = ({ framing }: IncomingResponse, received: number) =>
  framing.kind === 'length' && framing.length <= MAX_BUFFERED_BYTES ? framing.length - received : 0;

/**
 * Whether the end of the response is certain. It is not after a response to HEAD: a server that sends a body with it, and
 * some do, may send it a moment later, as the response to the next request.
 */
function allowsReuse({ keepAlive, framing, status }: IncomingResponse): boolean {
  if (!keepAlive || framing.kind === 'until-close') return false;
  return framing.kind !== 'none' || status === 204 || status === 304;
}
