import type { ServerSocket, WebSocketEvents } from '#kit/http/websockets';
import { closeSocket } from '#kit/http/websockets';
import { CLOSE, type Closing } from './close-codes';

/** Connections of this instance by who holds them, so that nobody can take the place of all others. */
export interface Places {
  /** @returns gives the place back; undefined where there is none left */
  take(who: { personId: string | undefined; address: string }): (() => void) | undefined;
}

/** @param limits.perAddress holds for those who are not signed in: many people may share an address */
export function createPlaces(limits: { perPerson: number; perAddress: number }): Places {
  const taken = new Map<string, number>();
  return {
    take({ personId, address }) {
      const key = personId === undefined ? `address ${address}` : `person ${personId}`;
      const count = taken.get(key) ?? 0;
      if (count >= (personId === undefined ? limits.perAddress : limits.perPerson)) return undefined;
      taken.set(key, count + 1);
      return () => {
        const left = (taken.get(key) ?? 0) - 1;
        if (left > 0) taken.set(key, left);
        else taken.delete(key);
      };
    },
  };
}

/** Lets a connection be when it opens and there is a place for it; else it is told why and closed, and nobody hears of it. */
export function whereThereIsPlace(
  events: WebSocketEvents,
  take: () => (() => void) | undefined,
  refused: (why: Closing) => void,
): WebSocketEvents {
  let giveBack: (() => void) | undefined;
  return {
    open(socket: ServerSocket) {
      giveBack = take();
      if (giveBack !== undefined) return events.open(socket);
      const { code, reason } = CLOSE.tooManyConnections;
      refused(CLOSE.tooManyConnections);
      closeSocket(socket, code, reason);
    },
    message(message) {
      if (giveBack !== undefined) events.message(message);
    },
    pong() {
      if (giveBack !== undefined) events.pong();
    },
    drain() {
      if (giveBack !== undefined) events.drain();
    },
    close(code) {
      if (giveBack === undefined) return;
      giveBack();
      giveBack = undefined;
      events.close(code);
    },
  };
}
