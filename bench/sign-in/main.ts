import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { startStack } from '../../infra/stack';
import { eventually } from '../../tests/support/eventually';
import { startProcess } from '../../tests/support/processes';

/**
 * Whether the time of an answer tells known names from unknown ones: sign-ins with a wrong password, and links asked for
 * a forgotten one. Pairs are measured one after the other, each in a random order, so that both of a pair have the same
 * neighbours on this machine. Ends with status 1 when the medians are found to differ by more than five per cent; what
 * a busy machine leaves open is said.
 */
const PEOPLE = Number(process.env.PEOPLE ?? 100);
/** Wrong passwords an account may have before it rests, which answers at once and would be measured instead. */
const GUESSES_PER_PERSON = 4;
const LINKS_PER_PERSON = 3;
const WARM_UP_PAIRS = 20;
/** What goes on after an answer is over by then; it would be measured with the next answer. */
const REST_MS = 40;
const ALLOWED_DIFFERENCE = 0.05;
const RESAMPLES = 1_000;
const PORT_OFFSET = 9_000;
const PASSWORD = 'a password of the benchmark';

interface Pair {
  readonly what: string;
  readonly known: number[];
  readonly unknown: number[];
}

async function main(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-sign-in-'));
  const only = ['mariadb', 'redis', 'rabbitmq'];
  const stack = await startStack({ folder, profile: 'test', portOffset: PORT_OFFSET, only, source: {} });
  const stops: (() => Promise<void>)[] = [];
  const start = async (main: string, environment: Record<string, string>) => {
    const started = await startProcess(main, { ...stack.environment, ...environment });
    stops.unshift(started.stop);
    return started.url;
  };
  try {
    const REGISTRY_URL = await start('registry/main.ts', {});
    const shared = { REGISTRY_URL, SIGN_INS_PER_ADDRESS: '1000000' };
    const [auth] = await Promise.all([
      start('services/auth/main.ts', shared),
      start('services/users/main.ts', shared),
    ]);
    const people = await register(auth);
    return report([await signIns(auth, people), await forgottenPasswords(auth, people)]);
  } finally {
    for (const stop of stops) await stop();
    await stack.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function register(auth: string): Promise<string[]> {
  const people = Array.from({ length: PEOPLE }, (_, number) => `person_${number}`);
  for (const username of people)
    await eventually(async () => {
      const body = { username, email: `${username}@example.com`, password: PASSWORD };
      const { status } = await post(`${auth}/auth/register`, body);
      if (status !== 201) throw new Error(`registering answered ${status}`);
    }, 20_000);
  return people;
}

const signIns = (auth: string, people: readonly string[]): Promise<Pair> =>
  measurePairs('sign-in with a wrong password', people, GUESSES_PER_PERSON, async (username) => {
    const { status, ms } = await post(`${auth}/auth/login`, { username, password: 'not the password' });
    if (status !== 401) throw new Error(`signing in answered ${status}`);
    return ms;
  });

const forgottenPasswords = (auth: string, people: readonly string[]): Promise<Pair> =>
  measurePairs('link for a forgotten password', people, LINKS_PER_PERSON, async (username, number) => {
    // From an address of its own each time: ten links are all that one may ask for.
    const address = `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`;
    const body = { email: `${username}@example.com` };
    const { status, ms } = await post(`${auth}/auth/password/forgot`, body, { 'x-forwarded-for': address });
    if (status !== 202) throw new Error(`asking for a link answered ${status}`);
    return ms;
  });

async function measurePairs(
  what: string,
  people: readonly string[],
  times: number,
  measure: (name: string, number: number) => Promise<number>,
): Promise<Pair> {
  const known: number[] = [];
  const unknown: number[] = [];
  let number = 0;
  for (let time = 0; time < times; time++)
    for (const person of people) {
      const inOrder: [string, number[]][] = [
        [person, known],
        // Asked as often as the person: what the throttles know of a name takes time too.
        [`nobody_like_${person}`, unknown],
      ];
      for (const [name, taken] of Math.random() < 0.5 ? inOrder : inOrder.toReversed()) {
        taken.push(await measure(name, number++));
        await Bun.sleep(REST_MS);
      }
    }
  return { what, known: known.slice(WARM_UP_PAIRS), unknown: unknown.slice(WARM_UP_PAIRS) };
}

async function post(url: string, body: object, headers: Record<string, string> = {}) {
  const beganMs = performance.now();
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(15_000),
  });
  await response.arrayBuffer();
  return { status: response.status, ms: performance.now() - beganMs };
}

function report(pairs: readonly Pair[]): number {
  console.log(`${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores; Bun ${Bun.version}`);
  const judged = pairs.map((pair) => ({ ...pair, interval: intervalOf(pair) }));
  console.table(
    judged.map(({ what, known, unknown, interval: [low, high] }) => ({
      answer: what,
      pairs: known.length,
      'known, median ms': rounded(median(known)),
      'unknown, median ms': rounded(median(unknown)),
      'known slower by %': rounded(100 * differenceOf({ known, unknown })),
      '95 of 100 times': `${rounded(100 * low)} to ${rounded(100 * high)}`,
    })),
  );
  for (const { what, interval } of judged) console.log(`${what}: ${verdictOn(interval)}`);
  return judged.some(({ interval }) => isTold(interval)) ? 1 : 0;
}

type Interval = readonly [low: number, high: number];

const isTold = ([low, high]: Interval): boolean => low > ALLOWED_DIFFERENCE || high < -ALLOWED_DIFFERENCE;

function verdictOn(interval: Interval): string {
  if (isTold(interval)) return 'the time tells whether there is such an account';
  const within = interval.every((bound) => Math.abs(bound) <= ALLOWED_DIFFERENCE);
  return within
    ? 'the medians are within 5 %'
    : 'undecided: too few pairs for how busy this machine is (PEOPLE=1000 for more)';
}

const differenceOf = ({ known, unknown }: Pick<Pair, 'known' | 'unknown'>): number =>
  (median(known) - median(unknown)) / Math.max(median(known), median(unknown));

/** Where the difference would lie if measured again: the bootstrap's percentiles (Efron, 1979), drawing whole pairs. */
function intervalOf({ known, unknown }: Pair): Interval {
  const differences = Array.from({ length: RESAMPLES }, () => {
    const drawn = known.map(() => Math.floor(Math.random() * known.length));
    return differenceOf({
      known: drawn.map((index) => known[index] ?? 0),
      unknown: drawn.map((index) => unknown[index] ?? 0),
    });
  }).sort((left, right) => left - right);
  const at = (share: number) => differences[Math.floor(share * RESAMPLES)] ?? 0;
  return [at(0.025), at(0.975)];
}

const median = (values: readonly number[]): number =>
  values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? 0;

const rounded = (value: number): number => Number(value.toFixed(2));

process.exitCode = await main();
