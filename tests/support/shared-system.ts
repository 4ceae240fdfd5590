import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atEndOfRun } from './end-of-run';
import { type System, startSystem } from './system';

export const ADMIN_PASSWORD = 'a password for the first administrator';

interface SharedSystem extends System {
  /** Replaces the features at run time. */
  setFeatures(features: object): Promise<void>;
}

let shared: Promise<SharedSystem> | undefined;

/**
 * The complete system, started once and used by all test files that do not need other settings: its start takes longer
 * than most of their tests. A file may kill processes and servers; what is missing afterwards is started for the next
 * file. Names of people must be unique among these files, and lists may contain what other files have created.
 */
export async function sharedSystem(): Promise<SharedSystem> {
  shared ??= startShared().catch((failure) => {
    // The next file tries again.
    shared = undefined;
    throw failure;
  });
  const system = await shared;
  await system.mend();
  return system;
}

async function startShared(): Promise<SharedSystem> {
  const folder = await mkdtemp(join(tmpdir(), 'rookery-features-'));
  const file = join(folder, 'features.json');
  const setFeatures = (features: object) => writeFile(file, JSON.stringify({ features }));
  await setFeatures({});
  const system = await startSystem('shared', {
    ADMIN_PASSWORD,
    FEATURES_FILE: file,
    FEATURES_REFRESH_MS: '100',
    LIKES_DIGEST_SECONDS: '1',
    // As in production.
    MAIL_UNVERIFIED: '0',
    // All tests have one address.
    SIGN_INS_PER_ADDRESS: '1000000',
    VIDEO_DEADLINE_MS: '500',
  });
  atEndOfRun(async () => {
    shared = undefined;
    await system.stop();
    await rm(folder, { recursive: true, force: true });
  });
  return { ...system, setFeatures };
}
