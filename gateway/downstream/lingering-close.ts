import type { DataPlaneLimits } from '../model/limits';
import type { Deadline } from './deadlines';
import type { WriteQueue } from './write-queue';

/** What closing a connection needs of its socket. */
export interface ClosableSocket {
  shutdown(): void;
  end(): void;
}

/** The close of a client's connection. */
export interface LingeringClose {
  /** Sends FIN after pending bytes. */
  shutdown(): void;
  /**
   * The same for good: what the client still sends is discarded for a while, because closing with unread bytes would
   * reset the connection and lose the response (RFC 9112, 9.6).
   */
  linger(): void;
  /** Everything has been sent. True when a shutdown was requested. */
  sent(): boolean;
  /** The client sent FIN while the connection lingers. */
  clientEnded(): void;
  /** The client is still sending. What it sends costs no memory, so that time is its only limit. */
  discard(): void;
}

export interface LingeringCloseOptions {
  readonly writeQueue: WriteQueue;
  /** Expires when the client neither sends anything nor closes within `lingerMs`, or sends for `lingerTotalMs`. */
  readonly readDeadline: Deadline;
  readonly limits: Pick<DataPlaneLimits, 'lingerMs' | 'lingerTotalMs'>;
  readonly hasClientEnded: () => boolean;
}

export function createLingeringClose(socket: ClosableSocket, options: LingeringCloseOptions): LingeringClose {
  const { writeQueue, readDeadline, limits } = options;
  let isRequested = false;
  let isLingering = false;
  let lingersUntilMs = 0;

  function shutdown() {
    isRequested = true;
    if (writeQueue.flush()) sendFin();
  }

  function sendFin() {
    if (isLingering) {
      lingersUntilMs = performance.now() + limits.lingerTotalMs;
      readDeadline.set(limits.lingerMs);
    }
    if (options.hasClientEnded()) socket.end();
    else socket.shutdown();
  }

  return {
    shutdown,
    linger() {
      isLingering = true;
      shutdown();
    },
    sent() {
      if (isRequested) sendFin();
      return isRequested;
    },
    clientEnded() {
      if (writeQueue.isEmpty) socket.end();
    },
    discard() {
      // Before FIN is sent the response itself is still on its way.
      if (lingersUntilMs > 0) readDeadline.set(Math.min(limits.lingerMs, lingersUntilMs - performance.now()));
    },
  };
}
