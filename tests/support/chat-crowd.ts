import { sleep } from '#kit/core/back-off';
import type { Frame } from './chat';
import { eventually } from './eventually';

/** A well-behaved client: reconnects from its last sequence number, and resends messages without an echo. */
export interface CrowdMember {
  readonly room: string;
  /** Received sequence numbers in order, with each message's client id. */
  readonly seen: readonly { seq: number; clientId: string }[];
  readonly reconnects: number;
  /** How many sent messages have not been echoed yet. */
  readonly unanswered: number;
  /** Milliseconds from sending to receiving of its own messages. */
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
  let isActive = true;
  let reconnects = -1;

  async function keepConnected(): Promise<void> {
    while (isActive) {
      await connectUntilClosed(`${base.replace('http', 'ws')}/ws/${room}?after_seq=${seen.at(-1)?.seq ?? 0}`);
      await sleep(RECONNECT_MS * (0.5 + Math.random()));
    }
  }

  function connectUntilClosed(url: string): Promise<void> {
    return new Promise((resolve) => {
      const opened = new WebSocket(url);
      opened.addEventListener('open', () => {
        socket = opened;
        reconnects++;
        for (const clientId of unanswered.keys()) send(clientId);
      });
      opened.addEventListener('message', ({ data }) => receive(JSON.parse(String(data))));
      opened.addEventListener('close', () => {
        socket = undefined;
        resolve();
      });
    });
  }

  function receive(frame: Frame): void {
    if (frame.type === 'error') return void setTimeout(() => send(String(frame.client_id)), 500);
    if (frame.type !== 'message') return;
    const clientId = String(frame.client_id);
    seen.push({ seq: Number(frame.seq), clientId });
    const sentMs = unanswered.get(clientId);
    if (sentMs === undefined) return;
    unanswered.delete(clientId);
    latenciesMs.push(performance.now() - sentMs);
  }

  function send(clientId: string): void {
    if (unanswered.has(clientId))
      socket?.send(JSON.stringify({ message: `message ${clientId}`, client_id: clientId }));
  }

  void keepConnected();
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
      isActive = false;
      socket?.close();
    },
  };
}

/** Waits until every client has all messages of its room, and describes the clients that differ. */
export async function differencesIn(
  crowd: readonly CrowdMember[],
  sentIn: (room: string) => number,
  deadlineMs: number,
): Promise<string[]> {
  const complete = () => crowd.every(({ room, seen }) => seen.length >= sentIn(room));
  await eventually(complete, deadlineMs).catch(() => undefined);
  const first = new Map<string, string>();
  return crowd.flatMap(({ room, seen }, index) => {
    const sequence = JSON.stringify(seen);
    const expected = first.get(room) ?? sequence;
    first.set(room, expected);
    const isGapless = seen.every(({ seq }, at) => seq === at + 1);
    const isUnique = new Set(seen.map(({ clientId }) => clientId)).size === seen.length;
    const isComplete = seen.length === sentIn(room);
    return isGapless && isUnique && isComplete && sequence === expected
      ? []
      : [
          `client ${index} in ${room}: ${seen.length} of ${sentIn(room)}, gapless ${isGapless}, unique ${isUnique}`,
        ];
  });
}
