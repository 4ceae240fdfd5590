import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { audit } from '../../scripts/audit';
import { copyStores } from '../../scripts/backup/copy';
import { readStores, type StoreSettings } from '../../scripts/backup/settings';
import { restoreStores } from '../../scripts/restore/restore';
import { eventually } from '../support/eventually';
import { type System, startSystem } from '../support/system';
import { type Acknowledged, startActivity } from './activity';
import { findMissing } from './missing';

/**
 * Copies a system while people use it, restores the copy into an empty one, and looks for everything that was acknowledged
 * before the moment of the copy: `bun tests/backup/main.ts`. It takes a few minutes, and is no part of `make test`.
 */
const SECONDS_BEFORE = Number(process.env.LOAD_SECONDS ?? 5);
const SETTLE_MS = 20_000;
/** On a busy machine. */
const MAX_FROZEN_MS = 60_000;
const EFFECTS_MS = 120_000;
const ENVIRONMENT = { SIGN_INS_PER_ADDRESS: '1000000', LIKES_DIGEST_SECONDS: '1' };

/** Those that the activity needs. PROCESSES=all starts the whole Procfile. */
const PROCESSES = [
  ...['registry', 'gateway', 'auth', 'users', 'timelines', 'likes', 'polls', 'media', 'accounts', 'payments'],
  ...['billing', 'posts', 'fanout', 'likes-validation', 'media-worker', 'payments-worker'],
];
const started = process.env.PROCESSES === 'all' ? undefined : PROCESSES;

const work = mkdtempSync(join(tmpdir(), 'rookery-backup-'));
const folder = join(work, 'backup');
/** The secrets of the processes, which are kept apart from a backup. */
const identities = join(work, 'identities');

async function main(): Promise<number> {
  const acknowledged = await copyUnderLoad();
  console.log(`Acknowledged before the moment of the copy: ${acknowledged.length}`);
  const kept = join(import.meta.dir, '..', '..', '.data', 'system-restored', 'identities');
  cpSync(identities, kept, { recursive: true });
  const system = await startSystem('restored', ENVIRONMENT, started, async (stack) => {
    const settings = storesOf(stack.environment);
    await restoreStores(settings, folder, console.log);
    await refusesTwice(settings);
  });
  try {
    return await compare(system, acknowledged);
  } finally {
    await system.stop();
  }
}

/** @returns what was acknowledged before the moment of the copy */
async function copyUnderLoad(): Promise<Acknowledged[]> {
  const system = await startSystem('copied', ENVIRONMENT, started);
  try {
    const activity = await startActivity(system.url);
    await Bun.sleep(SECONDS_BEFORE * 1_000);
    const { point_at, frozen_ms, finished_at } = await copyStores(
      storesOf(system.stack.environment),
      folder,
      {
        ...{ settleMs: SETTLE_MS, maxFrozenMs: MAX_FROZEN_MS },
        report: console.log,
      },
    );
    cpSync(dirname(system.stack.identityFile('auth')), identities, { recursive: true });
    const { acknowledged, failed } = await activity.stop();
    console.log(
      `Copied ${point_at}, until ${finished_at}; writes waited ${frozen_ms} ms; ${failed.length} requests failed`,
    );
    for (const failure of failed.slice(0, 5)) console.log(`  ${failure}`);
    if (failed.length > 0) throw new Error('Requests failed while the copy was made');
    return acknowledged.filter(({ atMs }) => atMs < Date.parse(point_at));
  } finally {
    await system.stop();
  }
}

const storesOf = (environment: Readonly<Record<string, string>>): StoreSettings =>
  readStores({ ...environment });

async function refusesTwice(settings: StoreSettings): Promise<void> {
  const refusal = await restoreStores(settings, folder).catch((failure: unknown) => failure);
  if (!(refusal instanceof Error) || refusal.name !== 'NotEmpty')
    throw new Error('A backup was restored into a system that is not empty');
  console.log(`Refused to restore again: ${refusal.message}`);
}

async function compare(system: System, acknowledged: readonly Acknowledged[]): Promise<number> {
  const missing = await eventually(async () => {
    const found = await findMissing(system.url, acknowledged);
    if (found.length > 0) throw new Error(`Missing: ${found.slice(0, 20).join(', ')} of ${found.length}`);
    return found;
  }, EFFECTS_MS).catch((failure: unknown) => [String(failure)]);
  const violations = await audit({ ...system.stack.environment });
  for (const line of [...missing, ...violations.map(({ invariant }) => `Violated: ${invariant}`)])
    console.error(line);
  if (missing.length + violations.length > 0) return 1;
  console.log(`Nothing is missing: ${summary(acknowledged)}; all invariants hold`);
  return 0;
}

const summary = (acknowledged: readonly Acknowledged[]) =>
  [...Map.groupBy(acknowledged, ({ kind }) => kind)]
    .map(([kind, some]) => `${some.length} × ${kind}`)
    .join(', ');

try {
  process.exitCode = await main();
} finally {
  rmSync(work, { recursive: true });
}
