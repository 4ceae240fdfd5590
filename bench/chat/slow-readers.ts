import { startChat } from '../../tests/support/chat';
import { eventually } from '../../tests/support/eventually';
import { openRawWebSocket, type RawWebSocket } from '../../tests/support/raw-websocket';

export interface Size {
  readonly readers: number;
  /** How many stop reading in each round. */
  readonly slow: number;
  readonly messagesPerSecond: number;
  readonly messageBytes: number;
  /** Of each round's first half; the second lasts until the slow ones are gone. */
  readonly seconds: number;
  readonly rounds: number;
}

interface Latency {
  readonly deliveries: number;
  readonly medianMs: number;
  readonly p99Ms: number;
}

const ROOM = 'crowded';
const WARM_UP_SECONDS = 3;
const GONE_MS = 120_000;

/**
 * A room that is read through the gateway, in turns without and with some who stop reading, until the slow ones have been
 * sent away: what the others notice of it. Latency is from saying to hearing, of all deliveries.
 */
export async function readBesideSlowOnes(size: Size) {
  const chat = await startChat({ CHAT_MESSAGES_PER_SECOND: '1000' });
  try {
    const [instance, gateway] = await Promise.all([chat.start(), chat.startGateway()]);
    await eventually(async () => (await fetch(`${gateway.url}/rooms`)).status === 200);
    let latencies: number[] = [];
    const sockets = await Promise.all(
      Array.from({ length: size.readers }, () => read(gateway.url, (latencyMs) => latencies.push(latencyMs))),
    );
    const talker = await read(gateway.url, () => undefined);
    const padding = ' '.repeat(size.messageBytes);
    const talking = setInterval(
      () => talker.send(JSON.stringify({ message: `${performance.now()}${padding}` })),
      1_000 / size.messagesPerSecond,
    );
    const hear = async (until: Promise<unknown>) => {
      latencies = [];
      await until;
      return latencies;
    };
    await Bun.sleep(WARM_UP_SECONDS * 1_000);
    const all = { without: [] as number[], beside: [] as number[] };
    const rounds = [];
    for (let round = 0; round < size.rounds; round++) {
      const without = await hear(Bun.sleep(size.seconds * 1_000));
      const slow = await Promise.all(
        Array.from({ length: size.slow }, () => openRawWebSocket(gateway.url, `/ws/${ROOM}`)),
      );
      const stoppedMs = performance.now();
      for (const { socket } of slow) socket.pause();
      const beside = await hear(untilOnly(size.readers + 1, instance.url));
      const secondsUntilGone = (performance.now() - stoppedMs) / 1_000;
      rounds.push({ ...compared({ without, beside }), secondsUntilGone, closeCodes: await codesOf(slow) });
      all.without.push(...without);
      all.beside.push(...beside);
    }
    clearInterval(talking);
    for (const socket of [...sockets, talker]) socket.close();
    return { rounds, all: compared(all) };
  } finally {
    await chat.stop();
  }
}

/** Enters the room and tells of each message how long it was on its way. */
async function read(base: string, heard: (latencyMs: number) => void): Promise<WebSocket> {
  const socket = new WebSocket(`${base.replace('http', 'ws')}/ws/${ROOM}`);
  const opened = Promise.withResolvers<void>();
  socket.addEventListener('open', () => opened.resolve());
  socket.addEventListener('close', () =>
    opened.reject(new Error('a reader was closed before it had entered')),
  );
  socket.addEventListener('message', ({ data }) => {
    // Not parsed: that would be most of what is measured.
    const said = /"message":"([\d.]+)/.exec(String(data))?.[1];
    if (said !== undefined) heard(performance.now() - Number(said));
  });
  await opened.promise;
  return socket;
}

/** Until chat has sent away all but so many. */
async function untilOnly(count: number, chatUrl: string): Promise<void> {
  await eventually(async () => {
    const response = await fetch(`${chatUrl}/rooms/${ROOM}/info`);
    const info = (await response.json()) as { active_connections: number };
    return info.active_connections === count;
  }, GONE_MS);
}

/** They read again: everything that was on its way, and then why. */
const codesOf = (slow: readonly RawWebSocket[]): Promise<number[]> =>
  Promise.all(
    slow.map(async ({ socket, closeCode }) => {
      socket.resume();
      const code = await closeCode();
      socket.destroy();
      return code;
    }),
  );

function compared(latencies: { without: readonly number[]; beside: readonly number[] }) {
  const [without, beside] = [summary(latencies.without), summary(latencies.beside)];
  const ratio = { median: beside.medianMs / without.medianMs, p99: beside.p99Ms / without.p99Ms };
  return { without, beside, ratio };
}

function summary(latencies: readonly number[]): Latency {
  const sorted = latencies.toSorted((left, right) => left - right);
  const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
  return { deliveries: sorted.length, medianMs: at(0.5), p99Ms: at(0.99) };
}
