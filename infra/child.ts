import { closeSync, existsSync, openSync, renameSync } from 'node:fs';
import { until } from './processes';

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

export interface Child {
  readonly pid: number;
  readonly running: () => boolean;
  readonly exited: Promise<number>;
  readonly signal: (signal: NodeJS.Signals) => void;
  /** SIGTERM, then SIGKILL for whoever is still there after `graceMs`. */
  readonly stop: (graceMs: number) => Promise<void>;
}

/**
 * Starts a program that writes straight into `logFile` and leads a session of its own: a Ctrl-C meant for its
 * starter does not reach it, so that servers outlive the processes that still drain into them.
 */
export function startChild(
  command: Command,
  options: { folder: string; logFile: string; mark: Record<string, string> },
): Child {
  const log = openSync(options.logFile, 'a');
  try {
    const child = Bun.spawn([command.program, ...command.args], {
      cwd: options.folder,
      env: { ...plainEnvironment(), ...options.mark, ...command.environment },
      stdio: ['ignore', log, log],
      detached: true,
    });
    // The servers must not keep a starter alive that has nothing else to do.
    child.unref();
    const running = () => child.exitCode === null && child.signalCode === null;
    return {
      pid: child.pid,
      running,
      exited: child.exited,
      signal: (signal) => child.kill(signal),
      async stop(graceMs) {
        if (!running()) return;
        child.kill('SIGTERM');
        if (!(await until(() => !running(), graceMs))) child.kill('SIGKILL');
        await child.exited;
      },
    };
  } finally {
    closeSync(log);
  }
}

/** Keeps the log of the run before, and no older one. */
export function rotateLog(file: string): void {
  if (existsSync(file)) renameSync(file, `${file}.1`);
}

/** Servers see nothing of their starter's environment but this: no option or secret slips in unseen. */
function plainEnvironment(): Record<string, string> {
  const environment: Record<string, string> = { LANG: 'C.UTF-8' };
  for (const name of ['PATH', 'HOME', 'TMPDIR', 'TZ']) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  return environment;
}
