import type { Problem } from '#kit/errors/problem';
import type { ContentReceiver } from '../http1/body-decoder';
import type { PartSink } from '../http1/body-encoder';
import type { ClientPeer } from './client-origin';
import type { Deadline } from './deadlines';

/** A client's connection as the handler of one request sees it. */
export interface ClientStream extends PartSink {
  readonly peer: ClientPeer;
  /** At the handler's disposal; calls its `timedOut` on expiry, and is cleared when the request ends. */
  readonly deadline: Deadline;
  /** Whether the complete request has been read. */
  readonly bodyComplete: boolean;
  /** False when the client applies backpressure: wait for `drained`. */
  flush(): boolean;
  /** Stops reading the request body. */
  pause(): void;
  resume(): void;
  /** The response is complete. The next request is read, or the connection is closed once everything is sent. */
  finish(keepAlive: boolean): void;
  /** Resets the connection, so that the client notices that the response is incomplete. */
  abort(): void;
  /**
   * The response has no end of its own: from now on it ends when the client sends FIN. Otherwise a client that has gone would
   * be noticed only with the next event, as TCP does not tell it from one that waits.
   */
  endWithClient(): void;
  /** From now on bytes are passed to `handler` as they arrive, until one of the sides ends. */
  upgrade(handler: RequestHandler): void;
  /** Sends FIN after pending bytes, and continues reading. */
  shutdown(): void;
}

/** Handles one request from its head on. Called for one request at a time on each connection. */
export interface RequestHandler extends ContentReceiver {
  /** All content of one packet has been delivered. */
  flush(): void;
  /** The request is complete; also called for requests without a body. Its trailers are dropped. */
  end(): void;
  /** The client accepts more bytes. */
  drained(): void;
  disconnected(): void;
  /** The rest of the request is malformed or too slow: respond with this problem, unless a response has begun. */
  reject(problem: Problem): void;
  timedOut(): void;
}
