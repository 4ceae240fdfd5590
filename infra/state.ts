import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Stack } from './stack';

/** Where `make up` and `bun infra/main.ts` keep everything. */
export const DEVELOPMENT_FOLDER = join(import.meta.dir, '..', '.data', 'development');

/** What other commands may know of the running development stack. */
export interface StackState {
  readonly environment: Readonly<Record<string, string>>;
  readonly servers: readonly {
    readonly name: string;
    readonly pid: number | null;
    readonly started_in_ms: number;
  }[];
}

/** Where the live addresses of the development stack are written. */
export const STACK_FILE = join(DEVELOPMENT_FOLDER, 'stack.json');

/** Writes the live addresses of a stack where other commands find them. */
export function writeState(stack: Stack): void {
  const state: StackState = {
    environment: stack.environment,
    servers: stack.servers.map((server) => ({
      name: server.name,
      pid: server.pid() ?? null,
      started_in_ms: server.startedInMs,
    })),
  };
  writeJson(STACK_FILE, state);
}

/** The live addresses of the running stack; nothing when none runs. */
export function readState(): StackState | undefined {
  return readJson<StackState>(STACK_FILE);
}

export function forgetState(): void {
  rmSync(STACK_FILE, { force: true });
}

/** Written whole or not at all, since others read it at any time. It may hold passwords. */
export function writeJson(file: string, value: unknown): void {
  const unfinished = `${file}.${process.pid}`;
  writeFileSync(unfinished, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  renameSync(unfinished, file);
}

/** What `writeJson` wrote; nothing when the file is not there. */
export function readJson<Value>(file: string): Value | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Value;
  } catch {
    return undefined;
  }
}
