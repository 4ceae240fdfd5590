import type { Deadline } from './deadlines';
import type { Outbox } from './write-queue';

/** What ending a connection needs of its socket. */
export interface EndableSocket {
  shutdown(): void;
  end(): void;
}

/** The end of a client's connection. */
export interface Closing {
  /** Ends our side behind what is still to be sent. */
  shutdown(): void;
  /**
   * The same for good: what the client still sends is read over for a while, since closing with bytes unread would take
   * back the answer that was sent before (RFC 9112, 9.6).
   */
  linger(): void;
  /** Everything has been sent. True when that was the last there is to send. */
  sent(): boolean;
  /** The client ended its side while we linger. */
  clientEnded(): void;
  readOver(bytes: Buffer): void;
}

/** What a client may still send behind its last response before it is cut off. */
const MOST_LINGERING_BYTES = 1024 * 1024;

/**
 * @param reading runs out when the client does not close for `lingerMs`
 * @param hasEnded whether the client has ended its side
 * @param cutOff called when it sends too much
 */
export function createClosing(
  socket: EndableSocket,
  outbox: Outbox,
  reading: Deadline,
  lingerMs: number,
  hasEnded: () => boolean,
  cutOff: () => void,
): Closing {
  let asked = false;
  let lingering = false;
  let bytesReadOver = 0;

  function shutdown() {
    asked = true;
    if (outbox.flush()) endOurSide();
  }

  function endOurSide() {
    if (lingering) reading.set(lingerMs);
    if (hasEnded()) socket.end();
    else socket.shutdown();
  }

  return {
    shutdown,
    linger() {
      lingering = true;
      shutdown();
    },
    sent() {
      if (asked) endOurSide();
      return asked;
    },
    clientEnded() {
      if (outbox.empty) socket.end();
    },
    readOver(bytes) {
      bytesReadOver += bytes.length;
      if (bytesReadOver > MOST_LINGERING_BYTES) cutOff();
    },
  };
}
