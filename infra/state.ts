import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Stack } from './stack';

/** The data folder of `make up` and `bun infra/main.ts`. */
export const DEVELOPMENT_FOLDER = join(import.meta.dir, '..', '.data', 'development');

/** The state of the running development stack, for other commands. */
export interface StackState {
  readonly environment: Readonly<Record<string, string>>;
  readonly servers: readonly {
    readonly name: string;
    readonly pid: number | null;
    readonly started_in_ms: number;
  }[];
}

/** The file with the addresses of the development stack. */
export const STACK_FILE = join(DEVELOPMENT_FOLDER, 'stack.json');

/** Writes the addresses of a stack for other commands. */
export function writeState(stack: Stack): void {
  const state: StackState = {
    environment: stack.environment,
    servers: stack.servers
      .flatMap((server) => server.nodes ?? [server])
      .map((server) => ({
        name: server.name,
        pid: server.pid() ?? null,
        started_in_ms: server.startedInMs,
      })),
  };
  writeJson(STACK_FILE, state);
}

/** The addresses of the running stack; undefined when none runs. */
export function readState(): StackState | undefined {
  return readJson<StackState>(STACK_FILE);
}

export function clearState(): void {
  rmSync(STACK_FILE, { force: true });
}

/** Writes atomically, since others may read at any time. Readable by the owner only: it may contain passwords. */
export function writeJson(file: string, value: unknown): void {
  const unfinished = `${file}.${process.pid}`;
  writeFileSync(unfinished, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  renameSync(unfinished, file);
}

/** Reads what `writeJson` wrote; undefined when the file does not exist. */
export function readJson<Value>(file: string): Value | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Value;
  } catch {
    return undefined;
  }
}
