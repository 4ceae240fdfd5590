import { type BodyDecoder, type ContentReceiver, createBodyDecoder } from '../http1/body-decoder';
import { type BodyEncoder, createBodyEncoder } from '../http1/body-encoder';
import type { Framing } from '../http1/framing';
import { MalformedMessage } from '../http1/malformed-message';
import type { HeaderList, IncomingResponse } from '../http1/message';
import type { Attempt } from '../model/attempt';
import type { UpstreamConnection, UpstreamUser } from './connection';
import type { UpstreamPool } from './pool';

/** Why a try ended without a whole response. */
export type TryFailure =
  /** There was no connection: the instance has seen nothing. */
  | 'unreachable'
  /** A connection used before was closed before a byte of the response came: most likely it was closed as idle. */
  | 'stale'
  | 'lost'
  | 'malformed';

/**
 * What a try tells the exchange it is made for. Nothing is told after the end, a failure or `abandon`; only the first
 * three can come from one of two tries that are running at the same time.
 */
export interface TryEvents {
  /** A head with a status below 200, 101 included. */
  interim(from: UpstreamTry, response: IncomingResponse): void;
  responded(from: UpstreamTry, response: IncomingResponse): void;
  failed(from: UpstreamTry, failure: TryFailure): void;
  responseContent(bytes: Buffer, start: number, end: number): void;
  /** All that one packet brought has been told. */
  responseFlush(): void;
  responseEnd(trailers: HeaderList): void;
  /** More of the request body can be sent. */
  upstreamDrained(): void;
}

export interface TryRequest {
  readonly method: string;
  readonly headText: string;
  readonly framing: Framing;
}

/**
 * Sends a request's head with what follows at the next `flush`.
 *
 * @param fresh to use a connection no request has used
 * @returns null when the instance has no connection to spare
 */
export function startTry(
  attempt: Attempt,
  request: TryRequest,
  events: TryEvents,
  pool: UpstreamPool,
  fresh: boolean,
): UpstreamTry | null {
  const connection = pool.take(attempt.host, attempt.port, fresh);
  if (connection === null) return null;
  const started = new UpstreamTry(attempt, connection, request.framing, events);
  connection.use(started);
  connection.reader.expect(request.method);
  connection.push(request.headText);
  return started;
}

const NOTHING_EARLY = Buffer.alloc(0);
const NO_TRAILERS: HeaderList = [];
/** As much of an answer is kept until it is whole. */
const MOST_GATHERED_BYTES = 64 * 1024;
/** Before the final head: an instance could go on with them for ever. */
const MOST_INTERIM_HEADS = 16;

/**
 * One request sent once, to one instance. A class, as the exchange: there is one for every request, and closures would
 * be a dozen objects for each.
 */
export class UpstreamTry implements UpstreamUser, ContentReceiver {
  private readonly encoder: BodyEncoder;
  private decoder: BodyDecoder | null = null;
  private response: IncomingResponse | null = null;
  private silent = true;
  private interimHeads = 0;
  private sent: boolean;
  private over = false;
  private early: Buffer = NOTHING_EARLY;
  private gathered: Gathered | null = null;

  constructor(
    readonly attempt: Attempt,
    private readonly connection: UpstreamConnection,
    framing: Framing,
    private readonly events: TryEvents,
  ) {
    this.encoder = createBodyEncoder(framing);
    this.sent = framing.kind === 'none';
  }

  send(bytes: Buffer, start: number, end: number) {
    this.encoder.content(bytes, start, end, this.connection);
  }

  /** False when the instance takes the body slower than it comes: wait for `upstreamDrained`. */
  flush(): boolean {
    return this.connection.flush();
  }

  /**
   * Trailers a client sent go no further: RFC 9110, 6.5.1 allows that, and Bun's server, which most services stand on,
   * takes them for the next request (oven-sh/bun#32887), whose answer would then go to somebody else.
   */
  end() {
    this.encoder.end(NO_TRAILERS, this.connection);
    this.sent = true;
  }

  pause() {
    this.connection.pause();
  }

  resume() {
    this.connection.resume();
  }

  abandon() {
    if (this.over) return;
    this.over = true;
    this.connection.destroy();
  }

  /** Hands the connection over after a 101, with the bytes already read behind it. */
  takeOver(next: UpstreamUser): { connection: UpstreamConnection; early: Buffer } {
    this.over = true;
    this.connection.detach();
    this.connection.use(next);
    return { connection: this.connection, early: this.early };
  }

  received(bytes: Buffer) {
    this.silent = false;
    try {
      this.read(bytes);
    } catch (failure) {
      if (!(failure instanceof MalformedMessage)) throw failure;
      this.fail('malformed');
    }
    if (!this.over) this.events.responseFlush();
  }

  drained() {
    this.events.upstreamDrained();
  }

  ended() {
    if (this.response?.framing.kind === 'until-close') this.finish(false);
    else this.fail(this.failureByLoss(true));
  }

  lost(connected: boolean) {
    this.fail(this.failureByLoss(connected));
  }

  /** Content of the response, from the decoder. */
  content(bytes: Buffer, start: number, end: number) {
    if (!this.over) this.events.responseContent(bytes, start, end);
  }

  private read(bytes: Buffer) {
    if (this.gathered !== null) {
      this.gather(this.gathered, bytes);
      return;
    }
    const position = this.decoder === null ? this.readHeads(bytes) : 0;
    this.readBody(bytes, position);
  }

  private readBody(bytes: Buffer, position: number) {
    const { decoder } = this;
    if (this.over || decoder === null) return;
    const end = decoder.decode(bytes, position, this);
    if (!this.over && decoder.done) this.finish(end < bytes.length);
  }

  /** @returns where the body begins, when the final head was there */
  private readHeads(bytes: Buffer): number {
    const { reader } = this.connection;
    let position = 0;
    while (!this.over && this.response === null) {
      const head = reader.read(bytes, position);
      if (head === null) return bytes.length;
      position = reader.consumed;
      if (head.status < 200) {
        if (++this.interimHeads > MOST_INTERIM_HEADS)
          throw new MalformedMessage(400, 'There are too many interim responses');
        this.early = bytes.subarray(position);
        this.events.interim(this, head);
        continue;
      }
      this.response = head;
      const missing = this.sent ? missingOf(head, bytes.length - position) : 0;
      if (missing > 0) this.gathered = { head, parts: [bytes.subarray(position)], missing };
      else this.respond(head);
    }
    return position;
  }

  private respond(head: IncomingResponse) {
    this.decoder = createBodyDecoder(head.framing);
    this.events.responded(this, head);
  }

  /** A small answer is told when it is whole: one that breaks off before can still be asked for elsewhere. */
  private gather(gathered: Gathered, bytes: Buffer) {
    gathered.parts.push(bytes);
    gathered.missing -= bytes.length;
    if (gathered.missing > 0) return;
    this.gathered = null;
    this.respond(gathered.head);
    this.readBody(Buffer.concat(gathered.parts), 0);
  }

  private finish(surplus: boolean) {
    if (this.over) return;
    this.over = true;
    const { response } = this;
    // What comes behind the response is nothing we asked for.
    const reusable = !surplus && response !== null && mayServeAnother(response);
    if (this.sent) this.connection.release(reusable);
    else this.connection.destroy();
    this.events.responseEnd(this.decoder?.trailers ?? NO_TRAILERS);
  }

  private fail(failure: TryFailure) {
    if (this.over) return;
    this.over = true;
    this.connection.destroy();
    this.events.failed(this, failure);
  }

  private failureByLoss(connected: boolean): TryFailure {
    if (!connected) return 'unreachable';
    return this.connection.reused && this.silent ? 'stale' : 'lost';
  }
}

/** A head whose body has not come as a whole. */
interface Gathered {
  readonly head: IncomingResponse;
  readonly parts: Buffer[];
  /** Bytes. */
  missing: number;
}

/** What has not come of an answer that is small enough to be gathered, in bytes. */
const missingOf = ({ framing }: IncomingResponse, come: number) =>
  framing.kind === 'length' && framing.length <= MOST_GATHERED_BYTES ? framing.length - come : 0;

/**
 * Whether the end of the response is beyond doubt. It is not behind the answer to HEAD: a server that sends a body with
 * it, and some do, may send it a moment later, as the answer to whoever comes next.
 */
function mayServeAnother({ keepAlive, framing, status }: IncomingResponse): boolean {
  if (!keepAlive || framing.kind === 'until-close') return false;
  return framing.kind !== 'none' || status === 204 || status === 304;
}
