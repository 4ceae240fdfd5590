import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { accessToken } from './auth';
import { type Contestant, type Field, OURS, startAll } from './contestants';
import { type Measured, measure, median } from './load';
import { SETTINGS } from './stack';
import { type Work, worksOf } from './works';

/**
 * Compares the gateway's data plane with other proxies: same upstream and load, each proxy pinned to one core, load
 * generator and upstream to another. Rounds are interleaved, and only results of the same round are compared.
 */
const ROUNDS = Number(process.env.ROUNDS ?? 5);
const SECONDS = Number(process.env.SECONDS ?? 4);
/** The JIT compiler needs as many, not a time: a machine that is loaded by others would be measured half compiled. */
const WARM_UP_REQUESTS = Number(process.env.WARM_UP_REQUESTS ?? 150_000);
const MAX_WARM_UP_RUNS = 20;
const CONNECTIONS = 64;
/** `identity`: proxying is compared, and the other proxies do not compress. */
const ACCEPT_ENCODING = process.env.ACCEPT_ENCODING ?? 'identity';
/** Names of works and contestants, separated by commas; all of them by default. */
const WORKS = process.env.WORKS?.split(',');
const PROXIES = process.env.PROXIES?.split(',');
/** Another checkout of this repository, to compare with. */
const BEFORE = process.env.BEFORE;
const CORES = { proxy: 0, load: 1 };

async function main() {
  if (cpus().length < 2)
    throw new Error('The benchmark needs two cores: one for the proxy, one for the load');
  const folder = mkdtempSync(join(tmpdir(), 'bench-gateway-'));
  const works = worksOf(await accessToken(SETTINGS), ACCEPT_ENCODING).filter(
    ({ name }) => WORKS?.includes(name) ?? true,
  );
  const field = await startAll(folder, CORES, { works, before: BEFORE });
  console.log(`${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores; Bun ${Bun.version}`);
  console.log(
    `Medians of ${ROUNDS} interleaved rounds of ${SECONDS} s with ${CONNECTIONS} connections, one core per proxy, Accept-Encoding: ${ACCEPT_ENCODING}`,
  );
  try {
    for (const work of works) await compare(field, work);
  } finally {
    await field.stopAll();
    rmSync(folder, { recursive: true });
  }
}

async function compare(field: Field, work: Work) {
  const load = { connections: CONNECTIONS, seconds: SECONDS, core: CORES.load, headers: work.headers };
  const contestants = field.contestants.filter(({ name }) => PROXIES?.includes(name) ?? true);
  const rounds = await race(contestants, work, load);
  report(work, contestants, rounds);
  const direct = await measure(field.upstreamUrl + work.path, field.upstreamPid, load);
  console.log(
    `upstream without a proxy: ${Math.round(direct.requestsPerSecond)} requests/s, p99 ${direct.p99Ms} ms`,
  );
}

type Round = ReadonlyMap<string, Measured>;

async function race(
  contestants: readonly Contestant[],
  { path }: Work,
  load: Parameters<typeof measure>[2],
): Promise<Round[]> {
  for (const { url, pid } of contestants) {
    let requests = 0;
    for (let run = 0; run < MAX_WARM_UP_RUNS && requests < WARM_UP_REQUESTS; run++)
      requests += (await measure(url + path, pid, load)).requestsPerSecond * load.seconds;
  }
  const rounds: Round[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const measured = new Map<string, Measured>();
    for (const { name, url, pid } of contestants) measured.set(name, await measure(url + path, pid, load));
    rounds.push(measured);
  }
  return rounds;
}

function report(work: Work, contestants: readonly Contestant[], rounds: readonly Round[]) {
  console.log(`\n${work.name}: ${work.path}`);
  const of = (name: string, figure: keyof Measured) => rounds.map((round) => round.get(name)?.[figure] ?? 0);
  const rows = contestants.map(({ name }) => ({
    proxy: name,
    'requests/s': Math.round(median(of(name, 'requestsPerSecond'))),
    'p50 ms': median(of(name, 'p50Ms')),
    'p99 ms': median(of(name, 'p99Ms')),
    'CPU µs/request': Number(median(of(name, 'cpuMicroseconds')).toFixed(1)),
    'rookery ÷ proxy, requests/s': ratio(rounds, name, (measured) => measured.requestsPerSecond),
    'rookery ÷ proxy, requests/CPU s': ratio(rounds, name, (measured) => 1 / measured.cpuMicroseconds),
  }));
  console.table(rows);
}

/** The median of the ratios per round: results of one round share the same conditions. */
function ratio(rounds: readonly Round[], name: string, figure: (measured: Measured) => number): number {
  const ratios = rounds.flatMap((round) => {
    const ours = round.get(OURS);
    const theirs = round.get(name);
    return ours && theirs ? [figure(ours) / figure(theirs)] : [];
  });
  return Number(median(ratios).toFixed(2));
}

await main();
