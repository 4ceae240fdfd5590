import { releaseMemoryWhenIdle } from './idle-memory';
import type { Logger } from './log';
import type { Runtime } from './runtime';

/** A process exits once everything is closed; one that does not is forced to exit after this time. */
const LINGER_MS = 3_000;

/** How several programs share a process. */
export interface SharedProcess {
  /** For what concerns all of them. */
  readonly log: Logger;
  /** Programs of one stage close at the same time, those of the next after them. */
  readonly stageOf: (program: string) => number;
}

/** One, unless programs share the process. */
const runtimes: Runtime[] = [];
let shared: SharedProcess | undefined;
let isShuttingDown = false;

/** Lets several programs run in this process. Call it before the first is started. */
export function shareProcess(options: SharedProcess): void {
  shared = options;
}

/**
 * Ties a runtime to the process: it closes on SIGTERM or SIGINT, before the process ends. An unhandled error ends the
 * process immediately, and with it every program that shares it, because the state of such a process is unknown.
 */
export function endWithProcess(runtime: Runtime): void {
  runtimes.push(runtime);
  if (runtimes.length > 1) return;
  const log = shared?.log ?? runtime.log;
  releaseMemoryWhenIdle(runtime.closing, shared !== undefined);
  const shutDown = (signal: NodeJS.Signals) => {
    if (isShuttingDown) process.exit(1);
    isShuttingDown = true;
    log.info({ signal }, 'shutting down');
    void closeAll().then(() => setTimeout(() => forceExit(log), LINGER_MS).unref());
  };
  process.on('SIGTERM', shutDown);
  process.on('SIGINT', shutDown);
  const fail = (failure: unknown) => {
    // Work that shutdown has interrupted rejects: not an error.
    if (isShuttingDown || runtime.closing.aborted) return;
    log.fatal({ err: failure }, 'unhandled error');
    process.exit(1);
  };
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
}

async function closeAll(): Promise<void> {
  const stages = Map.groupBy(runtimes, ({ name }) => shared?.stageOf(name) ?? 0);
  for (const stage of [...stages.keys()].sort((a, b) => a - b))
    await Promise.all((stages.get(stage) ?? []).map((runtime) => runtime.close()));
}

/** Everything is closed; something still keeps the process alive. */
function forceExit(log: Logger): void {
  log.warn('A handle was left open; exiting');
  process.exit(0);
}
