import { appendFileSync, openSync } from 'node:fs';
import { pino } from 'pino';
import { createRuntime } from '#kit/core/runtime';
import { DependencyUnavailable } from '#kit/errors/problem';
import { openMysql } from '#kit/mysql/database';
import { openIdGenerator } from '#kit/mysql/ids/open-id-generator';

/** Callers at a time. */
const BURST = 200;
/** Where the clock is, from then on: within the first half and the second, in milliseconds. */
const STEPS_MS = [0, 40_000, -90_000, -700, 20, -3_600_000, 300];

/**
 * A process that makes ids and appends them to a file, a line each, its clock being set in between.
 *
 * @param settings address of the database, file, number of ids, seed of the steps of the clock
 */
async function main([text = '']: string[]): Promise<void> {
  const { address, file, count, seed } = JSON.parse(text);
  const runtime = createRuntime({ name: 'maker', version: 'test', log: pino({ level: 'silent' }) });
  const nextId = await openIdGenerator(runtime, openMysql(runtime, { address, connections: 2 }), address);
  const output = openSync(file, 'a');
  const wallClock = Date.now;
  for (let made = 0, burst = seed; made < count; burst++) {
    const stepMs = STEPS_MS[Math.floor(burst / 10) % STEPS_MS.length] ?? 0;
    Date.now = () => wallClock() + stepMs;
    const ids = (await Promise.all(Array.from({ length: BURST }, () => idOrNone(nextId)))).flat();
    appendFileSync(output, ids.map((id) => `${id}\n`).join(''));
    made += ids.length;
  }
  Date.now = wallClock;
  await runtime.close();
}

/** While no number is held there is none. */
async function idOrNone(nextId: () => Promise<string>): Promise<string[]> {
  try {
    return [await nextId()];
  } catch (failure) {
    if (failure instanceof DependencyUnavailable) return [];
    throw failure;
  }
}

await main(process.argv.slice(2));
