import type { ShareOwner, Shares } from '#kit/http/shares/shares';
import type { ServerSocket, WebSocketEvents } from '#kit/http/streams/websockets';
import { closeSocket } from '#kit/http/streams/websockets';
import { CLOSE, type CloseReason } from './close-codes';

/**
 * Forwards events while the connection holds its owner's place. Without one it is closed when it opens, and nothing is
 * forwarded.
 */
export function withConnectionLimit(
  events: WebSocketEvents,
  shares: Shares,
  owner: ShareOwner,
  onRejected: (why: CloseReason) => void,
): WebSocketEvents {
  let release: (() => void) | undefined;
  return {
    open(socket: ServerSocket) {
      if (shares.refusal(owner) === undefined) {
        release = shares.acquire(owner);
        return events.open(socket);
      }
      const { code, reason } = CLOSE.tooManyConnections;
      onRejected(CLOSE.tooManyConnections);
      closeSocket(socket, code, reason);
    },
    message(message) {
      if (release !== undefined) events.message(message);
    },
    pong() {
      if (release !== undefined) events.pong();
    },
    drain() {
      if (release !== undefined) events.drain();
    },
    close(code) {
      if (release === undefined) return;
      release();
      release = undefined;
      events.close(code);
    },
  };
}
