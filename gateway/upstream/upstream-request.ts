import { type BodyDecoder, type ContentReceiver, createBodyDecoder } from '../http1/body-decoder';
import { type BodyEncoder, createBodyEncoder } from '../http1/body-encoder';
import type { Framing } from '../http1/framing';
import { MalformedMessage } from '../http1/malformed-message';
import type { HeaderList, IncomingResponse } from '../http1/message';
import type { Attempt } from '../model/attempt';
import type { UpstreamConnection, UpstreamUser } from './connection';
import { reusableMs } from './connection-reuse';
import { HeldResponse, missingBytes } from './held-response';

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
 * the first four can come from either.
 */
export interface UpstreamEvents {
  /** A head with a status below 200, 101 included. */
  interim(from: UpstreamRequest, response: IncomingResponse): void;
  /** A part of the head was received: the instance is slow, not silent. */
  progressed(from: UpstreamRequest): void;
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
  readonly framing: Framing;
  /** How long a small response is held back for its rest. */
  readonly holdMs: number;
}

/** The caller writes the head; it is sent with what follows at the next `flush`. */
export function startUpstreamRequest(
  connection: UpstreamConnection,
  attempt: Attempt,
  head: UpstreamRequestHead,
  events: UpstreamEvents,
): UpstreamRequest {
  const started = new UpstreamRequest(attempt, connection, head, events);
  connection.use(started);
  connection.reader.expect(head.method);
  return started;
}

const NO_BYTES = Buffer.alloc(0);
const NO_TRAILERS: HeaderList = [];
/** Before the final head: an instance could send them forever. */
const MAX_INTERIM_HEADS = 16;

/**
 * One request sent to one instance. A class, because there is one for every forwarded request, and closures would be a
 * dozen objects each.
 */
export class UpstreamRequest implements UpstreamUser, ContentReceiver {
  private readonly encoder: BodyEncoder;
  private readonly holdMs: number;
  private decoder: BodyDecoder | null = null;
  private response: IncomingResponse | null = null;
  private isSilent = true;
  private interimHeads = 0;
  private isSent: boolean;
  private isOver = false;
  private early: Buffer = NO_BYTES;
  private held: HeldResponse | null = null;
  /** Whether the whole body was there when the response was relayed. */
  isWhole = false;

  constructor(
    readonly attempt: Attempt,
    private readonly connection: UpstreamConnection,
    { framing, holdMs }: UpstreamRequestHead,
    private readonly events: UpstreamEvents,
  ) {
    this.holdMs = holdMs;
    this.encoder = createBodyEncoder(framing);
    this.isSent = framing.kind === 'none';
  }

  /** Whether the instance may have received any of it. */
  get hasSent(): boolean {
    return this.connection.hasSent;
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
    this.settle();
    this.connection.destroy();
  }

  /** Relays what is held back of a response; false when there is none. */
  relayHeld(): boolean {
    if (this.held === null) return false;
    this.relay(this.held);
    if (!this.isOver) this.events.responseFlush();
    return true;
  }

  /** Hands the connection over after a 101, with the bytes already read after it. */
  takeOver(next: UpstreamUser): { connection: UpstreamConnection; early: Buffer } {
    this.settle();
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
      this.fail('malformed', failure.message);
    }
    if (this.isOver) return;
    if (this.decoder === null) this.events.progressed(this);
    this.events.responseFlush();
  }

  drained() {
    this.events.upstreamDrained();
  }

  ended() {
    if (this.response?.framing.kind === 'until-close') this.finish(false);
    else this.lost(true);
  }

  lost(connected: boolean) {
    const isStale = connected && this.connection.reused && this.isSilent;
    this.fail(!connected ? 'unreachable' : isStale ? 'stale' : 'lost', this.lossReason(connected));
  }

  /** Content of the response, from the decoder. */
  content(bytes: Buffer, start: number, end: number) {
    if (!this.isOver) this.events.responseContent(bytes, start, end);
  }

  private read(bytes: Buffer) {
    if (this.held !== null) {
      if (this.held.add(bytes)) this.relay(this.held);
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
      if (this.isSent && missingBytes(head, bytes.length - position) > 0)
        this.held = new HeldResponse(head, bytes.subarray(position), this.holdMs, () => this.relayHeld());
      else this.respond(head, bytes.length - position);
    }
    return position;
  }

  /** @param bodyBytes received of the body so far */
  private respond(head: IncomingResponse, bodyBytes: number) {
    this.isWhole = head.framing.kind === 'length' && bodyBytes >= head.framing.length;
    this.decoder = createBodyDecoder(head.framing);
    this.events.responded(this, head);
  }

  private relay(held: HeldResponse) {
    this.held = null;
    const bytes = held.release();
    this.respond(held.head, bytes.length);
    this.readBody(bytes, 0);
  }

  private finish(hasSurplus: boolean) {
    if (this.isOver) return;
    this.settle();
    const { response } = this;
    // Bytes after the response belong to no request.
    if (this.isSent) this.connection.release(hasSurplus || response === null ? 0 : reusableMs(response));
    else this.connection.destroy();
    this.events.responseEnd(this.decoder?.trailers ?? NO_TRAILERS);
  }

  /** @param reason quotes nothing of what was received */
  fail(failure: UpstreamFailure, reason: string) {
    if (this.isOver) return;
    this.settle();
    this.attempt.failure = reason;
    this.connection.destroy();
    this.events.failed(this, failure);
  }

  private settle() {
    this.isOver = true;
    this.held?.discard();
    this.held = null;
  }

  private lossReason(connected: boolean): string {
    if (!connected) return 'No connection could be established';
    if (this.isSilent) return 'The connection was closed before the response';
    return this.response === null
      ? 'The connection was closed within the response head'
      : 'The connection was closed before the end of the response body';
  }
}
