import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startStack } from '../../infra/stack';
import { startChat } from './chat';
import { differencesIn, joinCrowd } from './chat-crowd';
import { eventually } from './eventually';

/** Different from the shared test stack, whose servers must not be killed. */
const PORT_OFFSET = 4_000;
const DELIVERY_DEADLINE_MS = 60_000;

export interface Outcome {
  /** Clients that differ from the gapless sequence of their room. */
  readonly wrong: readonly string[];
  readonly reconnects: number;
  readonly seconds: number;
  readonly deliveriesPerSecond: number;
  readonly medianMs: number;
  readonly p99Ms: number;
  /** Resident memory of the instance that was not killed. */
  readonly residentMegabytes: number;
}

/**
 * Clients chat in many rooms through the gateway and two instances, while one instance and then Redis are killed and
 * restarted.
 *
 * @param size.perSecond messages of all clients together
 */
export async function chatDuringFailures(size: {
  connections: number;
  rooms: number;
  messages: number;
  perSecond: number;
}): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'rookery-chat-'));
  const stack = await startStack({
    folder,
    profile: 'test',
    portOffset: PORT_OFFSET,
    only: ['redis'],
    source: {},
  });
  const chat = await startChat({ ...stack.environment, LOG_LEVEL: 'info' });
  try {
    const survivor = await chat.start();
    let victim = await chat.start();
    const gateway = await chat.startGateway();
    await eventually(() => hasInstances(gateway.url, 2), DELIVERY_DEADLINE_MS);
    const crowd = Array.from({ length: size.connections }, (_, number) =>
      joinCrowd(gateway.url, `room-${number % size.rooms}`),
    );
    await eventually(() => crowd.every(({ reconnects }) => reconnects === 0), DELIVERY_DEADLINE_MS);
    const at = (share: number) => Math.floor(size.messages * share);
    const redis = stack.server('redis');
    const failures: Promise<unknown>[] = [];
    const events = new Map<number, () => Promise<unknown>>([
      [at(0.25), () => victim.kill()],
      [
        at(0.45),
        async () => {
          victim = await chat.start();
        },
      ],
      [at(0.6), () => redis.kill()],
      [at(0.8), () => redis.restart()],
    ]);
    const sentIn = new Map<string, number>();
    const startedMs = performance.now();
    for (let count = 0; count < size.messages; count++) {
      const event = events.get(count);
      if (event !== undefined) failures.push(event());
      const member = crowd[count % crowd.length];
      if (member === undefined) continue;
      member.say(String(count));
      sentIn.set(member.room, (sentIn.get(member.room) ?? 0) + 1);
      const earlyMs = (count / size.perSecond) * 1_000 - (performance.now() - startedMs);
      if (earlyMs > 1) await Bun.sleep(earlyMs);
    }
    await Promise.all(failures);
    const wrong = await differencesIn(crowd, (room) => sentIn.get(room) ?? 0, DELIVERY_DEADLINE_MS);
    const seconds = (performance.now() - startedMs) / 1_000;
    const latencies = crowd.flatMap(({ latenciesMs }) => latenciesMs).sort((left, right) => left - right);
    const deliveries = crowd.reduce((sum, { seen }) => sum + seen.length, 0);
    const metrics = await (await fetch(`${survivor.url}/metrics`)).text();
    const resident = Number(/^process_resident_memory_bytes (\d+)/m.exec(metrics)?.[1]);
    for (const member of crowd) member.leave();
    return {
      wrong,
      reconnects: crowd.reduce((sum, { reconnects }) => sum + reconnects, 0),
      seconds,
      deliveriesPerSecond: deliveries / seconds,
      medianMs: latencies[Math.floor(latencies.length / 2)] ?? 0,
      p99Ms: latencies[Math.floor(latencies.length * 0.99)] ?? 0,
      residentMegabytes: resident / 1024 / 1024,
    };
  } finally {
    await chat.stop();
    await stack.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function hasInstances(gateway: string, count: number): Promise<boolean> {
  const response = await fetch(gateway, { headers: { accept: 'application/json' } });
  const { services } = (await response.json()) as {
    services: Record<string, { instances: { state: string }[] }>;
  };
  return services.chat?.instances.filter(({ state }) => state === 'up').length === count;
}
