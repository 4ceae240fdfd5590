import type { Problem } from '#kit/errors/problem';
import type { ContentReceiver } from '../http1/body-decoder';
import type { PartSink } from '../http1/body-encoder';
import type { IncomingRequest } from '../http1/message';
import type { Arrival } from './client-origin';
import type { Deadline } from './deadlines';

/** A client's connection as the handler of one request sees it. */
export interface ClientSide extends PartSink {
  readonly arrival: Arrival;
  /** Free for the handler's use; runs out into its `timeUp`, and is cleared when the request ends. */
  readonly deadline: Deadline;
  /** Whether the whole request has been read. */
  readonly bodyComplete: boolean;
  /** False when the client takes less than it is given: wait for `drained`. */
  flush(): boolean;
  /** Stops reading the request's body. */
  pause(): void;
  resume(): void;
  /** The response is whole. The next request is read, or the connection is closed once all is sent. */
  finish(keepAlive: boolean): void;
  /** Breaks the connection, so that the client sees that the response is not whole. */
  abort(): void;
  /** From now on bytes go to `handler` as they come, until one of the sides ends. */
  becomeTunnel(handler: RequestHandler): void;
  /** Sends FIN behind what is still to be sent, and goes on reading. */
  shutdown(): void;
}

/** What happens with one request from its head on. Called for one request at a time on each connection. */
export interface RequestHandler extends ContentReceiver {
  /** All that one packet brought has been handed over. */
  flush(): void;
  /** The request is whole; also called for requests without a body. Its trailers are read over. */
  end(): void;
  /** The client can be sent more. */
  drained(): void;
  /** The client has left. */
  gone(): void;
  /** The client broke its own request off in a way that can be answered: with this, where no answer has begun. */
  refuse(problem: Problem): void;
  timeUp(): void;
}

/** RFC 9110, 15.2.1. */
export const CONTINUE_HEAD = 'HTTP/1.1 100 Continue\r\n\r\n';

/** Tells a client that waits for it to send the body. */
export function continueIfExpected(client: ClientSide, request: IncomingRequest): void {
  if (!request.expectsContinue) return;
  client.push(CONTINUE_HEAD);
  client.flush();
}

/** Whether the connection can serve another request behind the response that is about to be written. */
export const mayKeepAlive = (request: IncomingRequest, client: ClientSide, draining: boolean): boolean =>
  request.keepAlive && client.bodyComplete && !draining;

/** The value of the response's Connection header; null where the protocol's default says the same. */
export function connectionValue(request: IncomingRequest, keepAlive: boolean): string | null {
  if (!keepAlive) return 'close';
  return request.head.httpVersion === '1.0' ? 'keep-alive' : null;
}
