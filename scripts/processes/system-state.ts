import { rmSync } from 'node:fs';
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
