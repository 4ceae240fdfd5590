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
  discard(bytes: Buffer): void;
}

/** Bytes a client may still send after its last response before it is disconnected. */
const MAX_LINGERING_BYTES = 1024 * 1024;

export interface LingeringCloseOptions {
  readonly writeQueue: WriteQueue;
  /** Expires when the client does not close within `lingerMs`. */
  readonly readDeadline: Deadline;
  readonly lingerMs: number;
  readonly hasClientEnded: () => boolean;
  /** Called when the client sends too much. */
  readonly terminate: () => void;
}

export function createLingeringClose(socket: ClosableSocket, options: LingeringCloseOptions): LingeringClose {
  const { writeQueue, readDeadline, lingerMs } = options;
  let isRequested = false;
  let isLingering = false;
  let discardedBytes = 0;

  function shutdown() {
    isRequested = true;
    if (writeQueue.flush()) sendFin();
  }

  function sendFin() {
    if (isLingering) readDeadline.set(lingerMs);
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
    discard(bytes) {
      discardedBytes += bytes.length;
      if (discardedBytes > MAX_LINGERING_BYTES) options.terminate();
    },
  };
}
