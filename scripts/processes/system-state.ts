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

const SEEDED_MARKER = join(DEVELOPMENT_FOLDER, 'seeded');

/** Whether the development system has got its demo data, or that of a backup. */
export const isSeeded = (): boolean => existsSync(SEEDED_MARKER);
export const markSeeded = (): void => writeFileSync(SEEDED_MARKER, `${new Date().toISOString()}\n`);
