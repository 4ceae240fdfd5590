import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { backOffMs, sleep } from '#kit/core/back-off';
import { signalProcess, until } from '../../infra/processes';
import { openProcessLog, readLines } from './log';
import type { ProcfileEntry } from './procfile';

export interface ProcessState {
  readonly name: string;
  readonly pid: number | null;
  readonly state: 'running' | 'restarting' | 'exited' | 'misconfigured' | 'stopped';
  readonly restarts: number;
  /** What runs in it, when that is more than one program. */
  readonly programs?: readonly string[];
}

/** A process to run. */
export interface RunnerEntry extends ProcfileEntry {
  /** The programs that share it: each has a log of its own. */
  readonly programs?: readonly string[];
}

export interface ProcessRunner {
  readonly states: () => ProcessState[];
  /** Sends SIGTERM, waits for the processes to drain and kills them after the grace period. A second call kills at once. */
  readonly stop: () => Promise<void>;
}

export interface RunnerOptions {
  readonly entries: readonly RunnerEntry[];
  readonly folder: string;
  /** Added to this process's environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Each process writes `<name>.log` here, and each of the programs that share one. */
  readonly logFolder: string;
  readonly show: (name: string, line: string) => void;
  readonly onChange?: (states: ProcessState[]) => void;
  readonly graceMs?: number;
  readonly restart?: { baseMs: number; capMs: number };
}

/** Longer than a process itself takes to drain (15 s, see SHUTDOWN_TIMEOUT_MS). */
const GRACE_MS = 20_000;
const RESTART = { baseMs: 500, capMs: 15_000 };
/** A process that has run this long has recovered: its next crash counts as the first. */
const STABLE_AFTER_MS = 30_000;
/** sysexits.h EX_CONFIG: a restart would fail again. */
const EXIT_CONFIGURATION = 78;

/**
 * Runs the processes of a Procfile and restarts those that crash, with exponential back-off. Commands are single
 * programs, with `env NAME=value` before them where needed, so that signals reach the program and not a shell.
 */
export function runProcesses(options: RunnerOptions): ProcessRunner {
  mkdirSync(options.logFolder, { recursive: true });
  const stopping = new AbortController();
  const processes: ReturnType<typeof supervise>[] = [];
  const changed = () => options.onChange?.(processes.map(({ state }) => state()));
  for (const entry of options.entries) processes.push(supervise(entry, options, stopping.signal, changed));
  const finished = Promise.all(processes.map((process) => process.finished));
  return {
    states: () => processes.map((process) => process.state()),
    async stop() {
      const signal = stopping.signal.aborted ? 'SIGKILL' : 'SIGTERM';
      stopping.abort();
      for (const process of processes) process.signal(signal);
      const allExited = until(
        () => processes.every((process) => !process.running()),
        options.graceMs ?? GRACE_MS,
      );
      if (!(await allExited)) for (const process of processes) process.signal('SIGKILL');
      await finished;
    },
  };
}

function supervise(entry: RunnerEntry, options: RunnerOptions, stopping: AbortSignal, changed: () => void) {
  const logs = new Map(
    [entry.name, ...(entry.programs ?? [])].map((name) => [
      name,
      openProcessLog(join(options.logFolder, `${name}.log`)),
    ]),
  );
  let child: ReturnType<typeof startProcess> | undefined;
  let state: ProcessState = {
    ...{ name: entry.name, pid: null, state: 'restarting', restarts: 0 },
    ...(entry.programs && { programs: entry.programs }),
  };
  const running = () => child !== undefined && child.exitCode === null && child.signalCode === null;

  const line = (text: string) => {
    const program = entry.programs && writerOf(text);
    const name = program !== undefined && logs.has(program) ? program : entry.name;
    logs.get(name)?.writeLine(text);
    options.show(name, text);
  };
  const update = (change: Partial<ProcessState>) => {
    state = { ...state, pid: null, ...change };
    changed();
  };

  async function run() {
    for (let crashes = 0; !stopping.aborted; ) {
      const started = Date.now();
      child = startProcess(entry, options);
      update({ state: 'running', pid: child.pid });
      const outputEnded = Promise.all([readLines(child.stdout, line), readLines(child.stderr, line)]);
      await child.exited;
      // Its own children must not stay behind or keep its output open.
      signalProcess(-child.pid, 'SIGKILL');
      await outputEnded;
      if (stopping.aborted) break;
      if (child.exitCode === 0 || child.exitCode === EXIT_CONFIGURATION) {
        line(child.exitCode === 0 ? 'exited' : 'invalid configuration; not restarting');
        return update({ state: child.exitCode === 0 ? 'exited' : 'misconfigured' });
      }
      crashes = Date.now() - started > STABLE_AFTER_MS ? 1 : crashes + 1;
      const pauseMs = backOffMs(crashes, options.restart ?? RESTART);
      line(`exited with ${child.signalCode ?? `code ${child.exitCode}`}; restarting in ${pauseMs} ms`);
      update({ state: 'restarting', restarts: state.restarts + 1 });
      await sleep(pauseMs, stopping);
    }
    update({ state: 'stopped' });
  }

  return {
    state: () => state,
    running,
    // SIGKILL reaches the whole process group, so that no children stay behind.
    signal(signal: NodeJS.Signals) {
      if (running() && child !== undefined)
        process.kill(signal === 'SIGKILL' ? -child.pid : child.pid, signal);
    },
    finished: run().finally(() => {
      for (const log of logs.values()) log.close();
    }),
  };
}

/** The program that wrote a line: its name precedes all that is not its own words. */
const writerOf = (line: string): string | undefined => /^\{[^{]*?"name":"([a-z-]+)"/.exec(line)?.[1];

function startProcess(entry: ProcfileEntry, options: RunnerOptions) {
  return Bun.spawn(['sh', '-c', `exec ${entry.command}`], {
    cwd: options.folder,
    env: { ...process.env, ...options.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A Ctrl-C on the terminal reaches the runner only, which shuts everything down in order.
    detached: true,
  });
}
