import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServiceTokens } from '#kit/auth/service-token';
import { developmentIdentity } from '#kit/core/identity';
import { GATEWAY_NAME, GATEWAY_TOKEN_FIELD } from '#kit/http/forwarding/gateway-token';
import { startStack } from '../../infra/stack';
import { eventually } from '../../tests/support/eventually';
import { startProcess } from '../../tests/support/processes';

/**
 * Checks for a timing side channel that reveals accounts: sign-ins with a wrong password, and password reset requests,
 * for existing and unknown names. Pairs are measured one after the other, each in random order, so that both of a pair
 * see the same load. Exits with status 1 when the medians differ by more than five per cent; reports when a busy machine
 * leaves the result undecided.
 */
const PEOPLE = Number(process.env.PEOPLE ?? 100);
/** Below the number of wrong passwords that locks an account: a locked account is rejected at once. */
const ATTEMPTS_PER_PERSON = 4;
const RESETS_PER_PERSON = 3;
const WARM_UP_PAIRS = 20;
/** Background work of a request has ended by then; it would add to the next measurement. */
const PAUSE_MS = 40;
const MAX_DIFFERENCE = 0.05;
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
    return report([await signIns(auth, people), await passwordResets(auth, people)]);
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
      if (status !== 201) throw new Error(`Registration failed with status ${status}`);
    }, 20_000);
  return people;
}

const signIns = (auth: string, people: readonly string[]): Promise<Pair> =>
  measurePairs('sign-in with a wrong password', people, ATTEMPTS_PER_PERSON, async (username) => {
    const { status, ms } = await post(`${auth}/auth/login`, { username, password: 'not the password' });
    if (status !== 401) throw new Error(`Sign-in returned ${status} instead of 401`);
    return ms;
  });

/** Requests come from many addresses, as the gateway would forward them. */
const gateway = createServiceTokens(developmentIdentity(GATEWAY_NAME));

const passwordResets = (auth: string, people: readonly string[]): Promise<Pair> =>
  measurePairs('password reset request', people, RESETS_PER_PERSON, async (username, number) => {
    // A different address each time: one address may request only ten resets.
    const address = `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`;
    const body = { email: `${username}@example.com` };
    const { status, ms } = await post(`${auth}/auth/password/forgot`, body, {
      'x-forwarded-for': address,
      [GATEWAY_TOKEN_FIELD]: await gateway.tokenFor('auth'),
    });
    if (status !== 202) throw new Error(`The password reset returned ${status} instead of 202`);
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
        // As often as the existing name: looking up its rate limits takes time too.
        [`unknown_${person}`, unknown],
      ];
      for (const [name, durations] of Math.random() < 0.5 ? inOrder : inOrder.toReversed()) {
        durations.push(await measure(name, number++));
        await Bun.sleep(PAUSE_MS);
      }
    }
  return { what, known: known.slice(WARM_UP_PAIRS), unknown: unknown.slice(WARM_UP_PAIRS) };
}

async function post(url: string, body: object, headers: Record<string, string> = {}) {
  const startedMs = performance.now();
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(15_000),
  });
  await response.arrayBuffer();
  return { status: response.status, ms: performance.now() - startedMs };
}

function report(pairs: readonly Pair[]): number {
  console.log(`${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores; Bun ${Bun.version}`);
  const results = pairs.map((pair) => ({ ...pair, interval: intervalOf(pair) }));
  console.table(
    results.map(({ what, known, unknown, interval: [low, high] }) => ({
      request: what,
      pairs: known.length,
      'known, median ms': rounded(median(known)),
      'unknown, median ms': rounded(median(unknown)),
      'known slower by, %': rounded(100 * differenceOf({ known, unknown })),
      '95 % interval': `${rounded(100 * low)} to ${rounded(100 * high)}`,
    })),
  );
  for (const { what, interval } of results) console.log(`${what}: ${describeResult(interval)}`);
  return results.some(({ interval }) => isDistinguishable(interval)) ? 1 : 0;
}

type Interval = readonly [low: number, high: number];

const isDistinguishable = ([low, high]: Interval): boolean => low > MAX_DIFFERENCE || high < -MAX_DIFFERENCE;

function describeResult(interval: Interval): string {
  if (isDistinguishable(interval)) return 'FAILED: the response time reveals whether the account exists';
  const within = interval.every((bound) => Math.abs(bound) <= MAX_DIFFERENCE);
  return within
    ? 'the medians differ by at most 5 %'
    : 'undecided: too few pairs for the load of this machine (use PEOPLE=1000)';
}

const differenceOf = ({ known, unknown }: Pick<Pair, 'known' | 'unknown'>): number =>
  (median(known) - median(unknown)) / Math.max(median(known), median(unknown));

/** The 95 % confidence interval of the difference: bootstrap percentiles (Efron, 1979), resampling whole pairs. */
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
