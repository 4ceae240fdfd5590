import { expect, test } from 'bun:test';
import fc from 'fast-check';
import type { Instance } from '#contracts/registry';
import type { Decide } from '../model/decision';
import { createDecide } from './decide';
import { createDirectory } from './directory';
import { decodedOnce, hostileTargets, WORDS } from './test-targets';

/**
 * Any target is either rejected, or the service receives the path that was matched, and no lenient server, of which
 * there are many, would have matched another route. `PATH_FUZZ_RUNS` and `PATH_FUZZ_SEED` set the number of runs and
 * the seed.
 */

const RUNS = Number(process.env.PATH_FUZZ_RUNS ?? 100_000);
const TABLES = 100;
const seed = Number(process.env.PATH_FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));

test(
  `a path is forwarded as it is matched, or rejected: ${RUNS} targets (seed ${seed})`,
  () => {
    const tables = fc.sample(routeTables, { numRuns: TABLES, seed }).map(decideBy);
    let forwarded = 0;
    fc.assert(
      fc.property(fc.nat({ max: TABLES - 1 }), hostileTargets, (number, target) => {
        if (checked(tables[number], target)) forwarded++;
      }),
      { numRuns: RUNS, seed, verbose: 0 },
    );
    // Guards against rejecting everything.
    expect(forwarded).toBeGreaterThan(RUNS / 20);
  },
  Math.max(60_000, RUNS / 2),
);

/** @returns whether it was forwarded */
function checked(decide: Decide | undefined, target: string): boolean {
  const decision = decide?.({ method: 'GET', target, httpVersion: '1.1', headers: [] });
  if (decision?.kind !== 'forward') {
    expect(decision?.kind).toBe('reject');
    return false;
  }
  const requested = withoutQuery(target);
  const forwardedPath = withoutQuery(decision.target);
  // The forwarded path is the requested one, except for the prefix and normalization.
  expect(decodedOnce(requested)).toEndWith(decodedOnce(forwardedPath));
  const prefix = decodedOnce(requested).slice(0, -decodedOnce(forwardedPath).length || undefined);
  expect(['', '/one', '/two', '/v1', '/v1/one', '/v1/two']).toContain(prefix);
  for (const understood of readings(forwardedPath)) {
    const again = decide?.({ method: 'GET', target: prefix + understood, httpVersion: '1.1', headers: [] });
    const seen = again?.kind === 'forward' ? `${again.service} ${again.route}` : again?.kind;
    expect(`${understood}: ${seen}`).toBe(`${understood}: ${decision.service} ${decision.route}`);
  }
  return true;
}

/** Interpretations of a path by lenient servers, in an unambiguous form. */
function readings(path: string): Set<string> {
  const once = decodedOnce(path);
  const found = new Set([resolved(path, (segment) => segment)]);
  for (const decoded of [once, decodedOnce(once)]) {
    found.add(resolved(decoded, encoded));
    found.add(resolved(decoded.replaceAll('\\', '/'), encoded));
  }
  return found;
}

/** As nginx: empty segments merged, dots resolved. */
function resolved(path: string, write: (segment: string) => string): string {
  const segments: string[] = [];
  for (const segment of path.split('/').slice(1)) {
    // As Tomcat: what follows a semicolon is stripped only to check the dots.
    const [name] = segment.split(';');
    if (name === '..') segments.pop();
    else if (name !== '.' && segment !== '') segments.push(segment);
  }
  const end = path.endsWith('/') && segments.length > 0 ? '/' : '';
  return `/${segments.map(write).join('/')}${end}`;
}

const encoded = (segment: string) =>
  [...segment].map((one) => (/[A-Za-z0-9._~-]/.test(one) ? one : hexadecimal(one.charCodeAt(0)))).join('');
const hexadecimal = (code: number) => `%${code.toString(16).padStart(2, '0').toUpperCase()}`;

function withoutQuery(target: string): string {
  const query = target.indexOf('?');
  return query === -1 ? target : target.slice(0, query);
}

const segment = fc.oneof(
  { arbitrary: fc.constantFrom(...WORDS), weight: 4 },
  { arbitrary: fc.constant(':id'), weight: 2 },
);
const pattern = fc
  .tuple(fc.array(segment, { maxLength: 4 }), fc.boolean())
  .map(([segments, open]) => `/${[...segments, ...(open ? ['*'] : [])].join('/')}`);
const patterns = fc.array(pattern, { minLength: 1, maxLength: 8 });
const routeTables = fc.record({ one: patterns, two: patterns });

function decideBy(table: Record<'one' | 'two', string[]>): Decide {
  const services = { one: [instanceOf('one', table.one)], two: [instanceOf('two', table.two)] };
  let notify: (names: readonly string[]) => void = () => undefined;
  const directory = createDirectory({
    snapshot: () => ({ epoch: 'test', revision: 1, services }),
    instances: (name) => Object.entries(services).find(([one]) => one === name)?.[1] ?? [],
    onChange(listener) {
      notify = listener;
      return () => undefined;
    },
    revision: () => 1,
    ageMs: () => 0,
    isSettled: () => true,
  });
  notify(['one', 'two']);
  return createDecide(directory, [], async () => new Response());
}

const instanceOf = (name: string, paths: readonly string[]): Instance => ({
  instance_id: `${name}-1`,
  name,
  version: '1.0.0',
  host: '127.0.0.1',
  port: 5100,
  weight: 100,
  metadata: {},
  routes: paths.map((path) => ({ method: 'GET', path, auth: 'public' })),
  prefixes: [name],
  state: 'up',
  protected: false,
  registered_at: '2026-01-01T00:00:00.000Z',
  changed_at_revision: 1,
});
