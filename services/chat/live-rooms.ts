import { Counter, Gauge } from 'prom-client';
import { sleep } from '#kit/core/back-off';
import { repeatEvery } from '#kit/core/repeat';
import type { Runtime } from '#kit/core/runtime';
import type { Database } from '#kit/mysql/database';
import type { Redis } from '#kit/redis/client';
import { CLOSE, type Closing } from './close-codes';
import type { Connection } from './connection';
import { openFanOut } from './fan-out';
import { changeFrame, messageFrame, type SequencedFrame } from './frames';
import { createLiveRoom, type LiveRoom, PAGE_FRAMES } from './live-room';
import { readSequence } from './messages-store';
import { createPresence, PRESENCE_REFRESH_MS, type Presence } from './presence';
import { lastSeqs, membersAmong, type RoomRow } from './rooms-store';

/** The database is looked at for what was not heard: at times, and often while nothing can be heard. */
const LOOK_MS = 5_000;
const LOOK_WHILE_DEAF_MS = 250;
const TICK_MS = 1_000;
/** A room without connections stays for a while: its last one may be on its way back. */
const KEEP_EMPTY_MS = 10_000;
/** Who may be in private rooms is looked up this often, should the word of a removal have been lost. */
const MEMBERS_CHECK_MS = 10_000;
/** At the end connections are sent away over so long, so that they do not all knock elsewhere at once. */
const DRAIN_MS = 4_000;
const DRAIN_STEPS = 40;

/** The rooms that connections of this instance are in. */
export interface LiveRooms {
  readonly presence: Presence;
  readonly size: number;
  /** The room for a connection that is about to come. */
  open(room: RoomRow): Promise<LiveRoom>;
  entered(live: LiveRoom): void;
  /** @param why undefined when the other side left */
  left(live: LiveRoom, connection: Connection, why: Closing | undefined): void;
  /** Counts the end of a connection that was in no room. */
  countEnded(why: Closing): void;
  /** New frames, kept by this instance: to everybody here and on other instances. */
  spread(room: RoomRow, frames: readonly SequencedFrame[]): void;
  /** Something that is not kept, to everybody. */
  sign(room: RoomRow, text: string): void;
  expel(room: RoomRow, userIds: readonly string[]): void;
  /** Sends everybody away, a few at a time. */
  drain(): Promise<void>;
}

export async function openLiveRooms(runtime: Runtime, database: Database, redis: Redis): Promise<LiveRooms> {
  const lives = new Map<string, LiveRoom>();
  const opening = new Map<string, Promise<LiveRoom>>();
  const reading = new Map<string, Promise<SequencedFrame[]>>();
  let connections = 0;
  const repaired = new Counter({
    name: 'chat_frames_read_back_total',
    help: 'Frames read from the database because they were not heard, or asked for by somebody who came back',
    registers: [runtime.metrics],
  });
  new Gauge({
    name: 'chat_connections',
    help: 'Open WebSockets',
    registers: [runtime.metrics],
    collect() {
      this.set(connections);
    },
  });
  const ended = new Counter({
    name: 'chat_connections_ended_total',
    help: 'WebSockets that ended, by the close code they were sent; those that left by themselves as "left"',
    labelNames: ['code'] as const,
    registers: [runtime.metrics],
  });
  const fanOut = await openFanOut(runtime, redis, () => void look().catch(warn));
  const presence = createPresence(
    runtime,
    redis,
    fanOut.instance,
    (channel) => lives.get(channel)?.connections ?? [],
  );
  const warn = (failure: unknown) =>
    runtime.log.warn({ err: failure }, 'looking for what was missed in rooms failed');

  /** Many who come back at once ask for the same. */
  function read(room: RoomRow, afterSeq: number, lastSeq: number): Promise<SequencedFrame[]> {
    const untilSeq = Math.min(lastSeq, afterSeq + PAGE_FRAMES);
    const key = `${room.id} ${afterSeq} ${untilSeq}`;
    let running = reading.get(key);
    if (running === undefined) {
      running = readFrames(database, room, { afterSeq, untilSeq }).finally(() => reading.delete(key));
      reading.set(key, running);
      running.then(
        (frames) => repaired.inc(frames.length),
        () => undefined,
      );
    }
    return running;
  }

  async function look(): Promise<void> {
    const all = [...lives.values()];
    const newest = await lastSeqs(
      database,
      all.map(({ room }) => room.id),
    );
    for (const live of all) {
      const lastSeq = newest.get(live.room.id);
      if (lastSeq !== undefined) live.reach(lastSeq);
      else for (const connection of live.connections) connection.end(CLOSE.roomGone);
    }
  }

  async function openRoom(room: RoomRow): Promise<LiveRoom> {
    const live = createLiveRoom(room, read, runtime.log);
    await fanOut.subscribe(channelOf(room), ({ sequence, sign, expelled }) => {
      if (sequence) live.accept(sequence);
      if (sign !== undefined) live.tell(sign);
      if (expelled) expelFrom(live, (userId) => expelled.includes(userId));
    });
    lives.set(room.epoch, live);
    // Only what is written from now on is sure to be heard.
    live.reach((await lastSeqs(database, [room.id])).get(room.id) ?? 0);
    return live;
  }

  function tick(): void {
    const nowMs = performance.now();
    for (const live of lives.values()) {
      for (const connection of live.connections) connection.tick();
      if (live.emptyFromMs === undefined || nowMs - live.emptyFromMs < KEEP_EMPTY_MS) continue;
      lives.delete(live.room.epoch);
      fanOut.unsubscribe(channelOf(live.room));
    }
  }

  async function checkMembers(): Promise<void> {
    for (const live of lives.values()) {
      if (!live.room.isPrivate) continue;
      const present = [...live.connections].flatMap(({ user }) => user?.id ?? []);
      const members = await membersAmong(database, live.room.id, present);
      expelFrom(live, (userId) => present.includes(userId) && !members.has(userId));
    }
  }

  repeatEvery(runtime, 'looking after connections', { everyMs: TICK_MS }, async () => tick());
  repeatEvery(
    runtime,
    'looking for what was missed in rooms',
    { everyMs: () => (fanOut.listening ? LOOK_MS : LOOK_WHILE_DEAF_MS) },
    look,
  );
  repeatEvery(runtime, 'checking members', { everyMs: MEMBERS_CHECK_MS }, checkMembers);
  repeatEvery(runtime, 'saying who is in rooms', { everyMs: PRESENCE_REFRESH_MS }, () =>
    presence.refresh(lives.keys()),
  );

  return {
    presence,
    get size() {
      return connections;
    },
    async open(room) {
      const known = lives.get(room.epoch);
      if (known !== undefined) {
        known.reach(room.lastSeq);
        return known;
      }
      let started = opening.get(room.epoch);
      if (started === undefined) {
        started = openRoom(room).finally(() => opening.delete(room.epoch));
        opening.set(room.epoch, started);
      }
      return started;
    },
    entered(live) {
      connections++;
      // It may have been let go in the moment before.
      if (!lives.has(live.room.epoch)) lives.set(live.room.epoch, live);
      presence.changed(live.room.epoch);
    },
    left(live, connection, why) {
      connections--;
      ended.inc({ code: why?.code ?? 'left' });
      live.leave(connection);
      presence.changed(live.room.epoch);
    },
    countEnded: ({ code }) => ended.inc({ code }),
    spread(room, frames) {
      lives.get(room.epoch)?.accept(frames);
      fanOut.publish(channelOf(room), { sequence: [...frames] });
    },
    sign(room, text) {
      lives.get(room.epoch)?.tell(text);
      fanOut.publish(channelOf(room), { sign: text });
    },
    expel(room, userIds) {
      const live = lives.get(room.epoch);
      if (live) expelFrom(live, (userId) => userIds.includes(userId));
      fanOut.publish(channelOf(room), { expelled: [...userIds] });
    },
    async drain() {
      const all = [...lives.values()].flatMap((live) => [...live.connections]);
      const stepSize = Math.max(25, Math.ceil(all.length / DRAIN_STEPS));
      for (let start = 0; start < all.length; start += stepSize) {
        for (const connection of all.slice(start, start + stepSize)) connection.end(CLOSE.shutdown);
        if (start + stepSize < all.length) await sleep(DRAIN_MS / DRAIN_STEPS);
      }
      await presence.clear(lives.keys()).catch(() => undefined);
    },
  };
}

const channelOf = (room: RoomRow) => `chat:room:${room.epoch}`;

function expelFrom(live: LiveRoom, isExpelled: (userId: string) => boolean): void {
  for (const connection of live.connections)
    if (connection.user !== undefined && isExpelled(connection.user.id)) connection.end(CLOSE.notAMember);
}

async function readFrames(
  database: Database,
  room: RoomRow,
  range: { afterSeq: number; untilSeq: number },
): Promise<SequencedFrame[]> {
  const { messages, changes } = await readSequence(database, room.id, range);
  return [
    ...messages.map((row) => messageFrame(room, row)),
    ...changes.map((row) => changeFrame(room, row)),
  ].sort((left, right) => left.seq - right.seq);
}
