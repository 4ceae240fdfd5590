import { createRandom } from '../random';
import { type Connection, connect, send } from './connections';
import type { Load, LoadResult } from './plan';
import { createRecorder } from './recorder';
import type { PreparedRequest } from './requests';

/** A request and when it was due: its latency counts from then, however late it is sent. */
interface Due {
  readonly request: PreparedRequest;
  readonly dueMs: number;
}

const FIRST_CONNECTIONS = 16;
/** Above what a gateway's admission control lets wait. */
const MAX_CONNECTIONS = 1_000;
/** More than this much work waiting means that the rate does not hold, and never will. */
const MAX_WAITING_SECONDS = 2;
/** How long to wait for responses after the end. */
const LINGER_MS = 5_000;

/**
 * Generates one load. The requests of an open loop have their times before the first is sent, and a request that finds no
 * free connection waits with its time: a slow server can not slow down the load that is supposed to show its slowness
 * (coordinated omission; Tene, "How not to measure latency").
 *
 * @param onWarm called when the warm-up is over
 * @throws when no connection can be opened
 */
export async function generate(
  url: URL,
  load: Load,
  options: { draw: () => PreparedRequest; onWarm: () => void },
): Promise<LoadResult> {
  const { shape } = load;
  const all = new Set<Connection<Due>>();
  const free: Connection<Due>[] = [];
  const waiting: Due[] = [];
  let open = 0;
  let inFlight = 0;
  let isOverloaded = false;
  const startMs = performance.now();
  const warmMs = startMs + load.warmUpSeconds * 1_000;
  const endMs = warmMs + load.seconds * 1_000;
  const recorder = createRecorder(warmMs);
  const nextTime = shape.kind === 'open' ? poissonTimes(startMs, shape.requestsPerSecond) : undefined;
  let nextDueMs = nextTime?.() ?? Number.POSITIVE_INFINITY;

  const events = {
    answered(connection: Connection<Due>, { request, dueMs }: Due) {
      inFlight--;
      recorder.response(request, dueMs, connection.reader);
      if (!connection.isOpen) {
        all.delete(connection);
        return replace();
      }
      const next = waiting.shift() ?? nextOfClosedLoop();
      if (next !== undefined) start(connection, next);
      else free.push(connection);
      sendWhatIsDue();
    },
    closed(connection: Connection<Due>, due: Due | undefined, why: string) {
      const at = free.indexOf(connection);
      if (at !== -1) free.splice(at, 1);
      all.delete(connection);
      if (due !== undefined) {
        inFlight--;
        recorder.failure(due.dueMs, why);
      }
      replace();
    },
  };

  function nextOfClosedLoop(): Due | undefined {
    const now = performance.now();
    return shape.kind === 'closed' && now < endMs ? { request: options.draw(), dueMs: now } : undefined;
  }

  function start(connection: Connection<Due>, due: Due) {
    inFlight++;
    send(connection, due, due.request.bytes);
  }

  function sendWhatIsDue() {
    const now = performance.now();
    while (nextDueMs <= now && nextDueMs < endMs) {
      const due = { request: options.draw(), dueMs: nextDueMs };
      recorder.late(nextDueMs, now);
      const connection = free.pop();
      if (connection !== undefined) start(connection, due);
      else {
        waiting.push(due);
        grow();
      }
      nextDueMs = nextTime?.() ?? Number.POSITIVE_INFINITY;
    }
  }

  function grow() {
    if (open >= MAX_CONNECTIONS) return;
    open++;
    void add().catch((failure: unknown) => {
      open--;
      recorder.failure(
        performance.now(),
        `no connection: ${failure instanceof Error ? failure.message : failure}`,
      );
    });
  }

  /** For a connection that was closed. */
  function replace() {
    open--;
    if (performance.now() < endMs) grow();
  }

  async function add() {
    const connection = await connect<Due>(url, events);
    all.add(connection);
    const next = waiting.shift() ?? nextOfClosedLoop();
    if (next !== undefined) start(connection, next);
    else free.push(connection);
  }

  const first = shape.kind === 'closed' ? shape.connections : FIRST_CONNECTIONS;
  open = first;
  await Promise.all(Array.from({ length: first }, add));
  let generatorFrom = process.cpuUsage();
  let isWarm = false;
  while (performance.now() < endMs && !isOverloaded) {
    if (!isWarm && performance.now() >= warmMs) {
      isWarm = true;
      generatorFrom = process.cpuUsage();
      options.onWarm();
    }
    sendWhatIsDue();
    isOverloaded =
      shape.kind === 'open' && waiting.length > Math.max(200, MAX_WAITING_SECONDS * shape.requestsPerSecond);
    await Bun.sleep(1);
  }
  if (!isWarm) options.onWarm();
  const giveUpMs = performance.now() + LINGER_MS;
  while (inFlight + waiting.length > 0 && performance.now() < giveUpMs && !isOverloaded) await Bun.sleep(1);
  for (let unanswered = inFlight + waiting.length; unanswered > 0; unanswered--)
    recorder.failure(endMs, 'no response');
  const { user, system } = process.cpuUsage(generatorFrom);
  for (const connection of all) {
    connection.isOpen = false;
    connection.socket.terminate();
  }
  return recorder.result({ isOverloaded, generatorMs: (user + system) / 1_000 });
}

/** Independent requests of many people come at exponentially distributed intervals. */
function poissonTimes(startMs: number, perSecond: number): () => number {
  const random = createRandom(2);
  let at = startMs;
  return () => {
    at += (-Math.log(1 - random()) / perSecond) * 1_000;
    return at;
  };
}
