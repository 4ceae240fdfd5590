import type { IncomingRequest } from '../http1/message';
import type { DataPlaneLimits } from '../model/limits';
import type { AccessLog } from '../observability/access-log';
import type { ClientPeer } from './client-origin';
import type { ClientStream, RequestHandler } from './client-stream';
import type { Evictable } from './connection-limit';
import type { DeadlineClock } from './deadlines';
import type { ClosableSocket } from './lingering-close';
import type { PausableSocket } from './read-buffer';
import type { ByteSink } from './write-queue';

/** What a client connection needs of its socket. */
export interface ClientSocket extends ByteSink, PausableSocket, ClosableSocket {
  terminate(): void;
}

/** What a client connection needs of the data plane. */
export interface ConnectionServices {
  readonly limits: DataPlaneLimits;
  readonly clock: DeadlineClock;
  readonly accessLog: AccessLog;
  isDraining(): boolean;
  handle(client: ClientStream, request: IncomingRequest): RequestHandler;
}

/** Socket events of one client, and what a draining gateway does with it. */
export interface ClientConnection extends Evictable {
  readonly peer: ClientPeer;
  received(bytes: Buffer): void;
  drained(): void;
  ended(): void;
  closed(): void;
  /** Closes it between requests; a request in flight is the last one. */
  closeWhenIdle(): void;
  terminate(): void;
}
