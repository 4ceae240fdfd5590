import { sleep } from '#kit/core/back-off';
import type { Frame } from './chat';
import { eventually } from './eventually';

/** A client as it should be: comes back by itself with what it has seen, and says again what was not answered. */
export interface CrowdMember {
  readonly room: string;
  /** Numbers as they came, and each message's client id. */
  readonly seen: readonly { seq: number; clientId: string }[];
  readonly reconnects: number;
  /** How many it has said that have not come back to it yet. */
  readonly unanswered: number;
  /** Milliseconds between saying and hearing, of those said on a connection that held. */
  readonly latenciesMs: readonly number[];
  say(clientId: string): void;
  leave(): void;
}

const RECONNECT_MS = 100;

export function joinCrowd(base: string, room: string): CrowdMember {
  const seen: { seq: number; clientId: string }[] = [];
  const unanswered = new Map<string, number>();
  const latenciesMs: number[] = [];
  let socket: WebSocket | undefined;
  let isWanted = true;
  let reconnects = -1;

  async function stay(): Promise<void> {
    while (isWanted) {
      await untilClosed(`${base.replace('http', 'ws')}/ws/${room}?after_seq=${seen.at(-1)?.seq ?? 0}`);
      await sleep(RECONNECT_MS * (0.5 + Math.random()));
    }
  }

  function untilClosed(url: string): Promise<void> {
    return new Promise((resolve) => {
      const opened = new WebSocket(url);
      opened.addEventListener('open', () => {
        socket = opened;
        reconnects++;
        for (const clientId of unanswered.keys()) send(clientId);
      });
      opened.addEventListener('message', ({ data }) => hear(JSON.parse(String(data))));
      opened.addEventListener('close', () => {
        socket = undefined;
        resolve();
      });
    });
  }

  function hear(frame: Frame): void {
    if (frame.type === 'error') return void setTimeout(() => send(String(frame.client_id)), 500);
    if (frame.type !== 'message') return;
    const clientId = String(frame.client_id);
    seen.push({ seq: Number(frame.seq), clientId });
    const saidMs = unanswered.get(clientId);
    if (saidMs === undefined) return;
    unanswered.delete(clientId);
    latenciesMs.push(performance.now() - saidMs);
  }

  function send(clientId: string): void {
    if (unanswered.has(clientId))
      socket?.send(JSON.stringify({ message: `says ${clientId}`, client_id: clientId }));
  }

  void stay();
  return {
    room,
    seen,
    latenciesMs,
    get reconnects() {
      return reconnects;
    },
    get unanswered() {
      return unanswered.size;
    },
    say(clientId) {
      unanswered.set(clientId, performance.now());
      send(clientId);
    },
    leave() {
      isWanted = false;
      socket?.close();
    },
  };
}

/** Waits until everybody has as many as were said in their room, and says who has something else. */
export async function differencesIn(
  crowd: readonly CrowdMember[],
  saidIn: (room: string) => number,
  deadlineMs: number,
): Promise<string[]> {
  const complete = () => crowd.every(({ room, seen }) => seen.length >= saidIn(room));
  await eventually(complete, deadlineMs).catch(() => undefined);
  const first = new Map<string, string>();
  return crowd.flatMap(({ room, seen }, index) => {
    const sequence = JSON.stringify(seen);
    const expected = first.get(room) ?? sequence;
    first.set(room, expected);
    const isGapless = seen.every(({ seq }, at) => seq === at + 1);
    const isOnce = new Set(seen.map(({ clientId }) => clientId)).size === seen.length;
    const isWhole = seen.length === saidIn(room);
    return isGapless && isOnce && isWhole && sequence === expected
      ? []
      : [`${index} in ${room}: ${seen.length} of ${saidIn(room)}, gapless ${isGapless}, once ${isOnce}`];
  });
}
