import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { backOffMs, sleep } from '#kit/core/back-off';
import { signalProcess, until } from '../infra/processes';
import { openProcessLog, readLines } from './process-log';
import type { ProcfileEntry } from './procfile';

export interface ProcessState {
  readonly name: string;
  readonly pid: number | null;
  readonly state: 'running' | 'waiting to restart' | 'ended' | 'misconfigured' | 'stopped';
  readonly restarts: number;
}

export interface ProcessRunner {
  readonly states: () => ProcessState[];
  /** Asks every process to end and waits for it to drain; kills what is left after the grace. Calling again kills at once. */
  readonly stop: () => Promise<void>;
}

export interface RunnerOptions {
  readonly entries: readonly ProcfileEntry[];
  readonly folder: string;
  /** Given to every process besides this one's environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Each process writes `<name>.log` here. */
  readonly logFolder: string;
  readonly show: (name: string, line: string) => void;
  readonly onChange?: (states: ProcessState[]) => void;
  readonly graceMs?: number;
  readonly restart?: { baseMs: number; capMs: number };
}

/** Longer than a process itself takes to drain (15 s, see SHUTDOWN_TIMEOUT_MS). */
const GRACE_MS = 20_000;
const RESTART = { baseMs: 500, capMs: 15_000 };
/** A process that held out this long has recovered: its next crash counts as the first. */
const STABLE_AFTER_MS = 30_000;
/** sysexits.h EX_CONFIG: starting it again would change nothing. */
const EXIT_CONFIGURATION = 78;

/**
 * Runs the processes of a Procfile: starts again what crashes, after a growing pause. Commands are single programs,
 * with `env NAME=value` before them where needed, so that a signal reaches the program and not a shell around it.
 */
export function runProcesses(options: RunnerOptions): ProcessRunner {
  mkdirSync(options.logFolder, { recursive: true });
  const stopping = new AbortController();
  const processes: ReturnType<typeof keepRunning>[] = [];
  const changed = () => options.onChange?.(processes.map(({ state }) => state()));
  for (const entry of options.entries) processes.push(keepRunning(entry, options, stopping.signal, changed));
  const finished = Promise.all(processes.map((process) => process.finished));
  return {
    states: () => processes.map((process) => process.state()),
    async stop() {
      const signal = stopping.signal.aborted ? 'SIGKILL' : 'SIGTERM';
      stopping.abort();
      for (const process of processes) process.signal(signal);
      const gone = until(() => processes.every((process) => !process.running()), options.graceMs ?? GRACE_MS);
      if (!(await gone)) for (const process of processes) process.signal('SIGKILL');
      await finished;
    },
  };
}

function keepRunning(
  entry: ProcfileEntry,
  options: RunnerOptions,
  stopping: AbortSignal,
  changed: () => void,
) {
  const log = openProcessLog(join(options.logFolder, `${entry.name}.log`));
  let child: ReturnType<typeof startProcess> | undefined;
  let state: ProcessState = { name: entry.name, pid: null, state: 'waiting to restart', restarts: 0 };
  const running = () => child !== undefined && child.exitCode === null && child.signalCode === null;

  const line = (text: string) => {
    log.writeLine(text);
    options.show(entry.name, text);
  };
  const become = (change: Partial<ProcessState>) => {
    state = { ...state, pid: null, ...change };
    changed();
  };

  async function run() {
    for (let crashes = 0; !stopping.aborted; ) {
      const started = Date.now();
      child = startProcess(entry, options);
      become({ state: 'running', pid: child.pid });
      const shown = Promise.all([readLines(child.stdout, line), readLines(child.stderr, line)]);
      await child.exited;
      // What it started itself must not stay behind, nor keep its output open.
      signalProcess(-child.pid, 'SIGKILL');
      await shown;
      if (stopping.aborted) break;
      if (child.exitCode === 0 || child.exitCode === EXIT_CONFIGURATION) {
        line(child.exitCode === 0 ? 'ended' : 'cannot start with this configuration; not starting it again');
        return become({ state: child.exitCode === 0 ? 'ended' : 'misconfigured' });
      }
      crashes = Date.now() - started > STABLE_AFTER_MS ? 1 : crashes + 1;
      const pauseMs = backOffMs(crashes, options.restart ?? RESTART);
      line(
        `ended with ${child.signalCode ?? `exit code ${child.exitCode}`}; starting again in ${pauseMs} ms`,
      );
      become({ state: 'waiting to restart', restarts: state.restarts + 1 });
      await sleep(pauseMs, stopping);
    }
    become({ state: 'stopped' });
  }

  return {
    state: () => state,
    running,
    // The whole group: what the process started itself must not stay behind.
    signal(signal: NodeJS.Signals) {
      if (running() && child !== undefined)
        process.kill(signal === 'SIGKILL' ? -child.pid : child.pid, signal);
    },
    finished: run().finally(() => log.close()),
  };
}

function startProcess(entry: ProcfileEntry, options: RunnerOptions) {
  return Bun.spawn(['sh', '-c', `exec ${entry.command}`], {
    cwd: options.folder,
    env: { ...process.env, ...options.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A Ctrl-C on the terminal reaches the runner only, which then ends everything in order.
    detached: true,
  });
}
