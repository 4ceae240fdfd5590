import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { DEVELOPMENT_FOLDER, readJson, writeJson } from '../infra/state';
import type { ProcessState } from './process-runner';

/** What other commands may know of the running system. */
export interface SystemState {
  /** The gateway has answered through to every service. */
  readonly ready: boolean;
  readonly processes: readonly ProcessState[];
}

const FILE = join(DEVELOPMENT_FOLDER, 'system.json');

export const writeSystemState = (state: SystemState) => writeJson(FILE, state);
export const readSystemState = () => readJson<SystemState>(FILE);
export const clearSystemState = () => rmSync(FILE, { force: true });
