import { closeSync } from 'node:fs';
import { openLog } from './log-files';
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
  /** Sends SIGTERM, and SIGKILL when the process has not exited after `graceMs`. */
  readonly stop: (graceMs: number) => Promise<void>;
}

/**
 * Starts a program that writes directly to `logFile` in a session of its own: a Ctrl-C meant for its parent does not
 * reach it, so that servers outlive the processes that drain into them.
 */
export function startChild(
  command: Command,
  options: { folder: string; logFile: string; mark: Record<string, string> },
): Child {
  const log = openLog(options.logFile);
  try {
    const child = Bun.spawn([command.program, ...command.args], {
      cwd: options.folder,
      env: { ...plainEnvironment(), ...options.mark, ...command.environment },
      stdio: ['ignore', log, log],
      detached: true,
    });
    // Running servers must not keep an otherwise finished parent process alive.
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

/** The only variables that servers inherit: no option or secret of the parent leaks into them. */
function plainEnvironment(): Record<string, string> {
  const environment: Record<string, string> = { LANG: 'C.UTF-8' };
  for (const name of ['PATH', 'HOME', 'TMPDIR', 'TZ']) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  return environment;
}
