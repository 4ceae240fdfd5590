import { startChat } from '../../tests/support/chat';
import { eventually } from '../../tests/support/eventually';
import { openRawWebSocket, type RawWebSocket } from '../../tests/support/raw-websocket';

export interface Size {
  readonly readers: number;
  /** How many stop reading in each round. */
  readonly slow: number;
  readonly messagesPerSecond: number;
  readonly messageBytes: number;
  /** Duration of each round's first half; the second lasts until the slow readers are disconnected. */
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
const DISCONNECT_TIMEOUT_MS = 120_000;

/**
 * Measures the delivery latency of a room behind the gateway, alternately without and with stalled readers, until these
 * have been disconnected. Latency is from sending to receiving, over all deliveries.
 */
export async function measureSlowReaders(size: Size) {
  const chat = await startChat({ CHAT_MESSAGES_PER_SECOND: '1000' });
  try {
    const [instance, gateway] = await Promise.all([chat.start(), chat.startGateway()]);
    await eventually(async () => (await fetch(`${gateway.url}/rooms`)).status === 200);
    let latencies: number[] = [];
    const sockets = await Promise.all(
      Array.from({ length: size.readers }, () => read(gateway.url, (latencyMs) => latencies.push(latencyMs))),
    );
    const sender = await read(gateway.url, () => undefined);
    const padding = ' '.repeat(size.messageBytes);
    const sending = setInterval(
      () => sender.send(JSON.stringify({ message: `${performance.now()}${padding}` })),
      1_000 / size.messagesPerSecond,
    );
    const collect = async (until: Promise<unknown>) => {
      latencies = [];
      await until;
      return latencies;
    };
    await Bun.sleep(WARM_UP_SECONDS * 1_000);
    const all = { without: [] as number[], beside: [] as number[] };
    const rounds = [];
    for (let round = 0; round < size.rounds; round++) {
      const without = await collect(Bun.sleep(size.seconds * 1_000));
      const slow = await Promise.all(
        Array.from({ length: size.slow }, () => openRawWebSocket(gateway.url, `/ws/${ROOM}`)),
      );
      const stoppedMs = performance.now();
      for (const { socket } of slow) socket.pause();
      const beside = await collect(waitUntilConnected(size.readers + 1, instance.url));
      const secondsUntilDisconnected = (performance.now() - stoppedMs) / 1_000;
      rounds.push({
        ...compare({ without, beside }),
        secondsUntilDisconnected,
        closeCodes: await codesOf(slow),
      });
      all.without.push(...without);
      all.beside.push(...beside);
    }
    clearInterval(sending);
    for (const socket of [...sockets, sender]) socket.close();
    return { rounds, all: compare(all) };
  } finally {
    await chat.stop();
  }
}

/** Joins the room and reports the latency of each message. */
async function read(base: string, received: (latencyMs: number) => void): Promise<WebSocket> {
  const socket = new WebSocket(`${base.replace('http', 'ws')}/ws/${ROOM}`);
  const opened = Promise.withResolvers<void>();
  socket.addEventListener('open', () => opened.resolve());
  socket.addEventListener('close', () =>
    opened.reject(new Error('The connection was closed before the reader joined')),
  );
  socket.addEventListener('message', ({ data }) => {
    // Not parsed as JSON: that would dominate the measurement.
    const sentAt = /"message":"([\d.]+)/.exec(String(data))?.[1];
    if (sentAt !== undefined) received(performance.now() - Number(sentAt));
  });
  await opened.promise;
  return socket;
}

/** Waits until chat has disconnected all but `count` readers. */
async function waitUntilConnected(count: number, chatUrl: string): Promise<void> {
  await eventually(async () => {
    const response = await fetch(`${chatUrl}/rooms/${ROOM}/info`);
    const info = (await response.json()) as { active_connections: number };
    return info.active_connections === count;
  }, DISCONNECT_TIMEOUT_MS);
}

/** Resumes reading to get the close codes, after the buffered messages. */
const codesOf = (slow: readonly RawWebSocket[]): Promise<number[]> =>
  Promise.all(
    slow.map(async ({ socket, closeCode }) => {
      socket.resume();
      const code = await closeCode();
      socket.destroy();
      return code;
    }),
  );

function compare(latencies: { without: readonly number[]; beside: readonly number[] }) {
  const [without, beside] = [summary(latencies.without), summary(latencies.beside)];
  const ratio = { median: beside.medianMs / without.medianMs, p99: beside.p99Ms / without.p99Ms };
  return { without, beside, ratio };
}

function summary(latencies: readonly number[]): Latency {
  const sorted = latencies.toSorted((left, right) => left - right);
  const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
  return { deliveries: sorted.length, medianMs: at(0.5), p99Ms: at(0.99) };
}
