import { Registry } from 'prom-client';
import type { Logger } from './log';
import type { SpanRecorder } from './span';

/** A thing this process leans on, asked about by `/readyz`. */
export interface Dependency {
  readonly name: string;
  /** False when the process still does its main work without it. */
  readonly required: boolean;
  /** Resolves when it answers (a returned sentence is shown as detail); rejects when it does not: a `Problem`'s detail is shown. */
  readonly check: () => Promise<string | undefined>;
}

/** What every part of a process shares: its name, log, metrics, dependencies, and the order of its end. */
export interface Runtime {
  readonly name: string;
  readonly version: string;
  readonly production: boolean;
  readonly log: Logger;
  readonly metrics: Registry;
  /** Where spans go; null when none are made. */
  readonly spans: SpanRecorder | null;
  readonly dependencies: readonly Dependency[];
  dependency(dependency: Dependency): void;
  /** Runs `close` when the process ends, the last registered first. */
  onClose(name: string, close: () => Promise<void> | void): void;
  /** Aborts as soon as the process has been asked to end. */
  readonly closing: AbortSignal;
  /** Ends everything once; later calls wait for the first. */
  close(): Promise<void>;
}

/** The clean-up of one resource may take this long before the next begins. */
const CLOSE_TIMEOUT_MS = 20_000;

/** A runtime without a process around it: tests make one for themselves, `startProcess` one for a real process. */
export function createRuntime(options: {
  name: string;
  version: string;
  log: Logger;
  production?: boolean;
  metrics?: Registry;
  spans?: SpanRecorder | null;
}): Runtime {
  const { name, version, log } = options;
  const dependencies: Dependency[] = [];
  const closers: { name: string; close: () => Promise<void> | void }[] = [];
  const closing = new AbortController();
  let closed: Promise<void> | undefined;

  async function closeAll() {
    closing.abort();
    for (const closer of closers.reverse()) {
      try {
        await withTimeout(Promise.resolve(closer.close()), CLOSE_TIMEOUT_MS, `closing ${closer.name}`);
      } catch (failure) {
        log.error({ err: failure }, `${closer.name} did not close cleanly`);
      }
    }
    log.info('ended');
  }

  return {
    name,
    version,
    production: options.production ?? false,
    log,
    metrics: options.metrics ?? new Registry(),
    spans: options.spans ?? null,
    dependencies,
    dependency: (dependency) => void dependencies.push(dependency),
    onClose: (closerName, close) => void closers.push({ name: closerName, close }),
    closing: closing.signal,
    close() {
      closed ??= closeAll();
      return closed;
    },
  };
}

/**
 * @param what said in the error: "<what> took longer than <ms> ms"
 * @throws when the promise has not settled within `ms` milliseconds
 */
export async function withTimeout<Result>(
  promise: Promise<Result>,
  ms: number,
  what: string,
): Promise<Result> {
  let timer: Timer | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
