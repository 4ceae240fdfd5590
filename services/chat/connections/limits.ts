import type { ServerSocket, WebSocketEvents } from '#kit/http/websockets';
import { closeSocket } from '#kit/http/websockets';
import { CLOSE, type CloseReason } from './close-codes';

/** Counts this instance's connections by user or address, so that no one can take all of them. */
export interface ConnectionLimits {
  /** @returns a function that releases the slot; undefined where the limit is reached */
  acquire(client: { userId: string | undefined; address: string }): (() => void) | undefined;
}

/** @param limits.perAddress applies to anonymous clients only: many users may share an address */
export function createConnectionLimits(limits: { perUser: number; perAddress: number }): ConnectionLimits {
  const counts = new Map<string, number>();
  return {
    acquire({ userId, address }) {
      const key = userId === undefined ? `address ${address}` : `user ${userId}`;
      const count = counts.get(key) ?? 0;
      if (count >= (userId === undefined ? limits.perAddress : limits.perUser)) return undefined;
      counts.set(key, count + 1);
      return () => {
        const remaining = (counts.get(key) ?? 0) - 1;
        if (remaining > 0) counts.set(key, remaining);
        else counts.delete(key);
      };
    },
  };
}

/** Forwards events while the connection holds a slot. Without a slot it is closed when it opens, and nothing is forwarded. */
export function withConnectionLimit(
  events: WebSocketEvents,
  acquire: () => (() => void) | undefined,
  onRejected: (why: CloseReason) => void,
): WebSocketEvents {
  let release: (() => void) | undefined;
  return {
    open(socket: ServerSocket) {
      release = acquire();
      if (release !== undefined) return events.open(socket);
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
