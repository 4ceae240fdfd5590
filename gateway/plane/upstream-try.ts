import type { Attempt, HeaderList } from '../decision';
import { type BodyDecoder, createBodyDecoder } from '../http1/body-decoder';
import { type BodyEncoder, createBodyEncoder } from '../http1/body-encoder';
import type { Framing } from '../http1/framing';
import { MalformedMessage } from '../http1/malformed-message';
import { createResponseHeadReader, type IncomingResponse } from '../http1/response-head';
import type { PlaneLimits } from './limits';
import type { UpstreamConnection, UpstreamUser } from './upstream-connection';
import type { UpstreamPool } from './upstream-pool';

/** Why a try ended without a whole response. */
export type TryFailure =
  /** There was no connection: the instance has seen nothing. */
  | 'unreachable'
  /** A connection used before was closed before a byte of the response came: most likely it was closed as idle. */
  | 'stale'
  | 'lost'
  | 'malformed';

/** What a try tells the exchange it is made for. Nothing is told after the end, a failure or `abandon`. */
export interface TryEvents {
  /** A head with a status below 200, 101 included. */
  interim(response: IncomingResponse): void;
  head(response: IncomingResponse): void;
  content(span: Buffer): void;
  /** All that one packet brought has been told. */
  flush(): void;
  end(trailers: HeaderList): void;
  failed(failure: TryFailure): void;
  /** More of the request body can be sent. */
  drained(): void;
}

/** One request sent once, to one instance. */
export interface UpstreamTry {
  content(span: Buffer): void;
  /** False when the instance takes the body slower than it comes: wait for `drained`. */
  flush(): boolean;
  end(trailers: HeaderList): void;
  pause(): void;
  resume(): void;
  abandon(): void;
  /** Hands the connection over after a 101, with the bytes already read behind it. */
  takeOver(user: UpstreamUser): { connection: UpstreamConnection; early: Buffer };
}

export interface TryRequest {
  readonly method: string;
  readonly headText: string;
  readonly framing: Framing;
}

/** @returns null when the instance has no connection to spare */
export function startTry(
  attempt: Attempt,
  request: TryRequest,
  events: TryEvents,
  plane: { readonly pool: UpstreamPool; readonly limits: PlaneLimits },
  fresh = false,
): UpstreamTry | null {
  const reader = createResponseHeadReader(request.method, plane.limits);
  const encoder: BodyEncoder = createBodyEncoder(request.framing);
  let decoder: BodyDecoder | null = null;
  let response: IncomingResponse | null = null;
  let silent = true;
  let sent = request.framing.kind === 'none';
  let over = false;
  let early: Buffer = Buffer.alloc(0);

  const user: UpstreamUser = {
    received(bytes) {
      silent = false;
      try {
        read(bytes);
      } catch (failure) {
        if (!(failure instanceof MalformedMessage)) throw failure;
        fail('malformed');
      }
      if (!over) events.flush();
    },
    drained: () => events.drained(),
    ended() {
      if (response?.framing.kind === 'until-close') finish();
      else fail(failureByLoss(true));
    },
    lost: (connected) => fail(failureByLoss(connected)),
  };
  const taken = plane.pool.take(attempt.host, attempt.port, user, fresh);
  if (taken === null) return null;
  const connection: UpstreamConnection = taken;

  const failureByLoss = (connected: boolean): TryFailure => {
    if (!connected) return 'unreachable';
    return connection.reused && silent ? 'stale' : 'lost';
  };

  function read(bytes: Buffer) {
    let position = 0;
    while (!over && decoder === null) {
      const head = reader.read(bytes, position);
      if (head === null) return;
      position = reader.consumed;
      if (head.status < 200) {
        early = bytes.subarray(position);
        events.interim(head);
        continue;
      }
      response = head;
      decoder = createBodyDecoder(head.framing);
      events.head(head);
    }
    if (over || decoder === null) return;
    position = decoder.decode(bytes, position, relay);
    if (!over && decoder.done) finish(position < bytes.length);
  }

  function relay(span: Buffer) {
    if (!over) events.content(span);
  }

  function finish(surplus = false) {
    if (over) return;
    over = true;
    // What comes behind the response is nothing we asked for.
    const reusable =
      sent && !surplus && response?.keepAlive === true && response.framing.kind !== 'until-close';
    if (sent) connection.release(reusable);
    else connection.destroy();
    events.end(decoder?.trailers ?? []);
  }

  function fail(failure: TryFailure) {
    if (over) return;
    over = true;
    connection.destroy();
    events.failed(failure);
  }

  connection.push(request.headText);
  return {
    content: (span) => encoder.content(span, connection.push),
    flush: () => connection.flush(),
    end(trailers) {
      encoder.end(trailers, connection.push);
      sent = true;
    },
    pause: () => connection.pause(),
    resume: () => connection.resume(),
    abandon() {
      if (over) return;
      over = true;
      connection.destroy();
    },
    takeOver(next) {
      over = true;
      connection.detach();
      connection.use(next);
      return { connection, early };
    },
  };
}
