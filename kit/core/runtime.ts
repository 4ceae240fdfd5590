import { Registry } from 'prom-client';
import { LOOPBACK_RANGES } from '../config/ranges';
import { developmentIdentity, type ServiceIdentity } from './identity';
import type { InternalTls } from './internal-tls';
import type { Logger } from './log';
import type { SpanRecorder } from './span';

/** A dependency of this process, checked by `/readyz`. */
export interface Dependency {
  readonly name: string;
  /** False when the process can do its main work without it. */
  readonly required: boolean;
  /** Resolves when it is available, rejects otherwise. A returned text, or the detail of a `Problem`, is shown as its detail. */
  readonly check: () => Promise<string | undefined>;
}

/** Who may read `/metrics`, and what else is for monitoring alone. */
export interface MetricsReaders {
  /** Addresses and ranges of addresses. */
  readonly ranges: readonly string[];
  /** Admits its holder from everywhere; undefined: nobody. */
  readonly token?: string | undefined;
}

/** What every part of a process shares: its name, log, metrics, dependencies, and the order of shutdown. */
export interface Runtime {
  readonly name: string;
  readonly version: string;
  readonly production: boolean;
  /** Proves the name of this process to the others. */
  readonly identity: ServiceIdentity;
  /** TLS between processes; null where they speak plain text. */
  readonly internalTls: InternalTls | null;
  readonly log: Logger;
  readonly metrics: Registry;
  /** Receives spans; null when tracing is off. */
  readonly spans: SpanRecorder | null;
  readonly metricsReaders: MetricsReaders;
  /** Whether ready JSON texts are compared with the response schemas of their routes: in tests. */
  readonly checksJsonText: boolean;
  readonly dependencies: readonly Dependency[];
  dependency(dependency: Dependency): void;
  /** Runs `close` at shutdown, in reverse order of registration. */
  onClose(name: string, close: () => Promise<void> | void): void;
  /** Aborts when shutdown begins. */
  readonly closing: AbortSignal;
  /** Shuts down once; later calls wait for the first. Never rejects. */
  close(): Promise<void>;
}

/** How long closing one resource may take before the next is closed. */
const CLOSE_TIMEOUT_MS = 20_000;

/**
 * Creates a runtime without process signals; `startProcess` creates the one of a real process.
 *
 * @param options.identity that of development by default
 */
export function createRuntime(options: {
  name: string;
  version: string;
  log: Logger;
  production?: boolean;
  identity?: ServiceIdentity;
  internalTls?: InternalTls | null;
  metrics?: Registry;
  spans?: SpanRecorder | null;
  /** The machine itself unless said otherwise. */
  metricsReaders?: MetricsReaders;
  /** For tests; false by default. */
  checksJsonText?: boolean;
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
    log.info('shutdown complete');
  }

  return {
    name,
    version,
    production: options.production ?? false,
    identity: options.identity ?? developmentIdentity(name),
    internalTls: options.internalTls ?? null,
    log,
    metrics: options.metrics ?? new Registry(),
    spans: options.spans ?? null,
    metricsReaders: options.metricsReaders ?? { ranges: LOOPBACK_RANGES },
    checksJsonText: options.checksJsonText ?? false,
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

/** What has not settled in time. */
export class TimedOut extends Error {
  override readonly name = 'TimedOut';
}

/**
 * Rejects when a promise does not settle in time. The work behind it is not canceled.
 *
 * @param what names the work in the error: "<what> timed out after <ms> ms"
 * @throws TimedOut when the promise has not settled within `ms` milliseconds; otherwise what it rejects with
 */
export async function withTimeout<Result>(
  promise: Promise<Result>,
  ms: number,
  what: string,
): Promise<Result> {
  let timer: Timer | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TimedOut(`${what} timed out after ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
