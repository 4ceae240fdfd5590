import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cpuTicksOf } from '../../infra/processes';
import { field, openApi, textField } from '../../scripts/api';
import { DEMO_PERSON } from '../../scripts/demo/people';
import { GATEWAY_URL } from '../../scripts/up/welcome';
import { startGenerator } from '../support/generator/client';
import type { LoadResult } from '../support/generator/plan';
import { readOptions } from '../support/options';
import type { Row } from '../support/result-types';
import { report, rounded } from '../support/results';
import { type Copy, copyProject } from './copy';

/**
 * Starts the whole system as `make up` does, in a copy of the project: cold, with bundles to build, databases to create and
 * demo data to write, then once more. Measures the memory of each process and the idle CPU, and the first requests after
 * the start and after idleness. PROFILE=compact starts that profile; IDLE sets the idleness in seconds.
 */
const { PROFILE, IDLE = '60' } = process.env;
const options = readOptions(['memory', 'first-requests'], { seconds: 20 });
const SETTLE_MS = 30_000;
const MS_PER_TICK = 10;
/** Then the machine had no time for the generator, and the latencies are those of other programs. */
const LATE_MS = 20;
const FIRST_REQUESTS = { requestsPerSecond: 100, seconds: 2 };

const profile = PROFILE === undefined ? [] : [`--profile=${PROFILE}`];
const copy = await copyProject();
const rows: Row[] = [];
try {
  rows.push(await start('cold start, with build and demo data'));
  if (options.has('memory')) {
    await Bun.sleep(SETTLE_MS);
    rows.push(...(await measureMemory(copy)), await measureIdleProcessor(copy));
  }
  await copy.run('scripts/down.ts');
  rows.push(await start('second start'));
  if (options.has('first-requests')) {
    const firstRequests = await prepareRequests();
    rows.push(rowOf('first 200 requests at 100/s', await firstRequests()));
    await Bun.sleep(Number(IDLE) * 1_000);
    rows.push(rowOf(`first 200 requests after ${IDLE} s of idleness`, await firstRequests()));
  }
} finally {
  await copy.remove();
}
const name = PROFILE === undefined ? 'start' : `start-${PROFILE}`;
const title = `Start and memory of the whole system${PROFILE === undefined ? '' : `, ${PROFILE} profile`}`;
report({ name, title }, rows, options.record);

async function start(what: string): Promise<Row> {
  const startedMs = performance.now();
  await copy.run('scripts/up.ts', '--detach', ...profile);
  return { name: what, figures: { seconds: rounded((performance.now() - startedMs) / 1_000) } };
}

/** The listing of `make ps`. */
async function measureMemory({ run }: Copy): Promise<Row[]> {
  const lines = (await run('scripts/ps.ts')).split('\n');
  return lines.flatMap((line) => {
    const [, process, megabytes] = /^(\S+) +(?:\d+ +)?(\d+)(?: |$)/.exec(line) ?? [];
    if (process === undefined) return [];
    const what = process === 'total' ? 'resident memory 30 s after the start' : process;
    return [{ name: what, figures: { MB: Number(megabytes) } }];
  });
}

async function measureIdleProcessor({ pids }: Copy): Promise<Row> {
  const ticks = () => pids().reduce((sum, pid) => sum + (cpuTicksOf(pid) ?? 0), 0);
  const [before, startedMs] = [ticks(), performance.now()];
  await Bun.sleep(options.seconds * 1_000);
  const share = ((ticks() - before) * MS_PER_TICK) / (performance.now() - startedMs);
  return { name: 'idle', figures: { '% of a core': rounded(share * 100) } };
}

/** Signs the demo person in. @returns a function that sends 200 requests for their home timeline */
async function prepareRequests(): Promise<() => Promise<LoadResult>> {
  const api = openApi(GATEWAY_URL);
  const { body } = await api.call('POST', '/login', { body: DEMO_PERSON });
  const token = textField(body, 'access_token');
  const username = field(field(body, 'user'), 'username') ?? DEMO_PERSON.username;
  const request = {
    method: 'GET',
    path: `/posts/home/${username}`,
    token,
    expected: { status: 200, items: { atLeast: 1 } },
  };
  return async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rookery-start-plan-'));
    const generator = startGenerator(folder);
    try {
      const url = GATEWAY_URL.replace(/\/$/, '');
      await generator.prepare({ url, kinds: [{ name: 'home', requests: [request] }] });
      const load = { mix: { home: 1 }, warmUpSeconds: 0, seconds: FIRST_REQUESTS.seconds };
      const shape = { kind: 'open', requestsPerSecond: FIRST_REQUESTS.requestsPerSecond } as const;
      return await generator.run({ ...load, shape }, () => undefined);
    } finally {
      await generator.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  };
}

function rowOf(what: string, { latency, failures, lateMs }: LoadResult): Row {
  if (lateMs.p99 > LATE_MS)
    console.log(`${what}: the generator was late by ${Math.round(lateMs.p99)} ms (p99)`);
  if (Object.keys(failures).length > 0) {
    console.error(`${what} failed:`, failures);
    process.exitCode = 1;
  }
  return {
    name: what,
    figures: {
      'p50 ms': rounded(latency.p50),
      'p99 ms': rounded(latency.p99),
      'max ms': rounded(latency.max),
    },
  };
}
