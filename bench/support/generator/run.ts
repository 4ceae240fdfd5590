import { createRandom } from '../random';
import type { Load, LoadResult } from './plan';
import { openPool } from './pool';
import { createRecorder } from './recorder';
import type { PreparedRequest } from './requests';

const FIRST_CONNECTIONS = 16;
/** More than this much work waiting means that the rate does not hold, and never will. */
const MAX_WAITING_SECONDS = 2;
const MIN_MAX_WAITING = 200;
/** How long to wait for the last responses: longer than the gateway does. */
const LINGER_MS = 30_000;

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
  { draw, onWarm }: { draw: () => PreparedRequest; onWarm: () => void },
): Promise<LoadResult> {
  const { shape } = load;
  const connections = shape.kind === 'closed' ? shape.connections : FIRST_CONNECTIONS;
  const pool = await openPool(url, connections, {
    answered(due, reader) {
      recorder.response(due, reader);
      if (shape.kind === 'open') sendDue();
      else if (performance.now() < endMs) pool.send({ request: draw(), dueMs: performance.now() });
    },
    failed: (due, why) => recorder.failure(due?.dueMs ?? performance.now(), why),
  });
  const startMs = performance.now();
  const warmMs = startMs + load.warmUpSeconds * 1_000;
  const endMs = warmMs + load.seconds * 1_000;
  const recorder = createRecorder(warmMs);
  const sendDue =
    shape.kind === 'open'
      ? sendAtTimes(poissonTimes(startMs, endMs, shape.requestsPerSecond), (dueMs) => {
          recorder.late(dueMs, performance.now());
          pool.send({ request: draw(), dueMs });
        })
      : () => undefined;
  const maxWaiting =
    shape.kind === 'open'
      ? Math.max(MIN_MAX_WAITING, MAX_WAITING_SECONDS * shape.requestsPerSecond)
      : Number.POSITIVE_INFINITY;
  const isOverloaded = () => pool.waiting() > maxWaiting;

  if (shape.kind === 'closed')
    for (let index = 0; index < connections; index++) pool.send({ request: draw(), dueMs: startMs });
  await tick(warmMs, isOverloaded, sendDue);
  const generatorFrom = process.cpuUsage();
  onWarm();
  await tick(endMs, isOverloaded, sendDue);
  const overloaded = isOverloaded();
  if (!overloaded) await tick(performance.now() + LINGER_MS, () => pool.pending() === 0, sendDue);
  for (let unanswered = pool.pending(); unanswered > 0; unanswered--) recorder.failure(endMs, 'no response');
  const { user, system } = process.cpuUsage(generatorFrom);
  pool.close();
  return recorder.result({ isOverloaded: overloaded, generatorMs: (user + system) / 1_000 });
}

/** Runs `work` every millisecond until a time, and at the time, unless it is over before. */
async function tick(untilMs: number, isOver: () => boolean, work: () => void): Promise<void> {
  while (performance.now() < untilMs && !isOver()) {
    work();
    await Bun.sleep(1);
  }
  work();
}

/** @returns a function that sends everything that has become due since its last call */
function sendAtTimes(times: Iterator<number, void>, send: (dueMs: number) => void): () => void {
  let next = times.next();
  return () => {
    const now = performance.now();
    while (next.done !== true && next.value <= now) {
      send(next.value);
      next = times.next();
    }
  };
}

/** Independent requests of many people come at exponentially distributed intervals. */
function* poissonTimes(startMs: number, endMs: number, perSecond: number): Generator<number, void> {
  const random = createRandom(2);
  const next = (at: number) => at + (-Math.log(1 - random()) / perSecond) * 1_000;
  for (let at = next(startMs); at < endMs; at = next(at)) yield at;
}
