import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEVELOPMENT_FOLDER, readJson, writeJson } from '../../infra/state';
import type { ProcessState } from './runner';

/** The state of the running system, for other commands. */
export interface SystemState {
  /** The gateway lists every service as up. */
  readonly ready: boolean;
  readonly processes: readonly ProcessState[];
}

const FILE = join(DEVELOPMENT_FOLDER, 'system.json');

export const writeSystemState = (state: SystemState) => writeJson(FILE, state);
export const readSystemState = () => readJson<SystemState>(FILE);
export const clearSystemState = () => rmSync(FILE, { force: true });

const markerIn = (folder: string) => join(folder, 'seeded');

/** Whether the system whose data is in a folder has got its demo data, or that of a backup. */
export const isSeeded = (folder: string): boolean => existsSync(markerIn(folder));
export const markSeeded = (folder: string): void =>
  writeFileSync(markerIn(folder), `${new Date().toISOString()}\n`);
