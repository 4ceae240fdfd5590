import { join } from 'node:path';
import { checkSync } from 'recheck';
import { extractExpressions, type Found } from './extract';

/**
 * The verdicts of `recheck` on the regular expressions of the project. Its pure build needs neither Java nor a binary.
 * It proves what its automaton covers, and tries attacks on the rest (look-around, large counts): a verdict of the latter
 * kind is an attempt, no proof.
 *
 * `bun tests/regular-expressions/verify.ts` records what is found linear, so that nothing is analysed twice.
 */
const LEDGER = join(import.meta.dir, 'verified.json');
const ROOT = join(import.meta.dir, '..', '..');
const GENERATED = /^contracts\/gen\/|^clients\/typescript\/lib\//;
const isTest = (file: string) => file.endsWith('.test.ts') || file.startsWith('tests/');

/** Everything in the project but tests and generated code: services, gateway, clients, scripts, benchmarks. */
export async function extractAll() {
  const { stdout } = Bun.spawnSync(['git', 'ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
  });
  const files = stdout
    .toString()
    .split('\n')
    .filter((file) => /\.[cm]?[jt]sx?$/.test(file) && !GENERATED.test(file) && !isTest(file))
    .filter((file) => Bun.file(join(ROOT, file)).size > 0);
  const extracted = await Promise.all(
    files.map(async (file) => extractExpressions(file, await Bun.file(join(ROOT, file)).text())),
  );
  return {
    found: extracted.flatMap(({ found }) => found),
    dynamic: extracted.flatMap(({ dynamic }) => dynamic),
  };
}

/** How an expression is named in the ledger. */
export const keyOf = ({ source, flags }: Pick<Found, 'source' | 'flags'>) => `/${source}/${flags}`;

/** The expressions that were found linear. */
export const readLedger = async (): Promise<ReadonlySet<string>> =>
  new Set<string>(await Bun.file(LEDGER).json());

/**
 * @returns undefined for an expression that takes linear time; otherwise why it is not known to, with an attack where one
 *   was found
 */
export function slownessOf({ source, flags }: Pick<Found, 'source' | 'flags'>, timeoutMs = 60_000) {
  process.env.RECHECK_SYNC_BACKEND = 'pure';
  const result = checkSync(source, flags, { timeout: timeoutMs, randomSeed: 1 });
  if (result.status === 'safe') return undefined;
  if (result.status === 'unknown') return `not decided: ${result.error.kind}`;
  return `${result.complexity.summary}, like ${result.attack.pattern}`;
}

if (import.meta.main) {
  const known = await readLedger();
  const { found } = await extractAll();
  const verified = new Set<string>();
  for (const one of found) {
    const slowness = known.has(keyOf(one)) || verified.has(keyOf(one)) ? undefined : slownessOf(one);
    if (slowness === undefined) verified.add(keyOf(one));
    else console.log(`${one.at} ${keyOf(one)}: ${slowness}`);
  }
  await Bun.write(LEDGER, `${JSON.stringify([...verified].sort(), null, 2)}\n`);
}
