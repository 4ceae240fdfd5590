import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { startStack } from '../../infra/stack';
import { join as register } from '../support/client';
import { type Fleet, startFleet } from './fleet';
import { startLoad } from './load';

/**
 * Replaces every process of another version by one of this version, one after the other, while people use the system, and
 * counts the requests that fail: `BEFORE=<another checkout> bun tests/upgrade/main.ts`. It takes some minutes, and is no
 * part of `make test`. The other checkout needs its packages.
 */
const ROOT = join(import.meta.dir, '..', '..');
const FOLDER = join(ROOT, '.data', 'system-upgrade');
const PORT_OFFSET = 9_000;
const PEOPLE = Number(process.env.PEOPLE ?? 4);
const SECONDS_AROUND = 10;
const SHOWN_FAILURES = 20;
/** Some processes only, separated by commas. */
const only = process.env.PROCESSES?.split(',');

async function main(folder: string): Promise<number> {
  const stack = await startStack({ folder: FOLDER, profile: 'test', portOffset: PORT_OFFSET, source: {} });
  let fleet: Fleet | undefined;
  try {
    console.log('Starting the version before');
    fleet = await startFleet(stack, folder, only);
    const started = fleet;
    const people = [];
    for (let index = 0; index < PEOPLE; index++)
      people.push(await register(started.gateway(), `upgraded_${index}`));
    const load = startLoad(() => started.gateway(), people, started.names());
    await Bun.sleep(SECONDS_AROUND * 1_000);
    const overloaded = load.counts().failures;
    if (overloaded.length > 0)
      throw new Error(
        `The machine is too busy: ${overloaded.length} requests failed before the upgrade, ${overloaded[0]}`,
      );
    console.log('Migrating the databases');
    migrate(stack.environment);
    for (const name of started.names()) {
      await started.replace(name, ROOT);
      console.log(`  ${name}: ${load.counts().answered} requests, ${load.counts().failures.length} failed`);
    }
    await Bun.sleep(SECONDS_AROUND * 1_000);
    const { answered, failures, missing } = await load.stop();
    for (const failure of summaryOf(failures).slice(0, SHOWN_FAILURES)) console.error(`  ${failure}`);
    console.log(
      `${answered} requests, ${failures.length} failed, ${missing.length} acknowledged posts missing`,
    );
    return failures.length + missing.length === 0 ? 0 : 1;
  } finally {
    await fleet?.stop();
    await stack.stop();
    rmSync(FOLDER, { recursive: true, force: true });
  }
}

/** How often the requests of one kind have failed in one way. */
function summaryOf(failures: readonly string[]): string[] {
  const kinds = Map.groupBy(failures, (failure) =>
    failure
      .replace(/^\S+ /, '')
      .replace(/"request_id":"[^"]*"/, '')
      .replaceAll(/upgraded_\d+|\b\d{10,}\b/g, '…'),
  );
  return [...kinds].map(([kind, { length }]) => `${length} × ${kind}`);
}

/** Ahead of the roll-out, as a job does. */
function migrate(environment: Readonly<Record<string, string>>): void {
  const { exitCode } = Bun.spawnSync([process.execPath, join(ROOT, 'migrate', 'main.ts')], {
    cwd: ROOT,
    env: { ...process.env, ...environment, NODE_ENV: 'test' },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (exitCode !== 0) throw new Error('The migration failed');
}

const before = process.env.BEFORE;
if (before === undefined || before === '') {
  console.error('Name the checkout of the version before: BEFORE=/tmp/before bun tests/upgrade/main.ts');
  process.exit(2);
}
process.exitCode = await main(resolve(before));
