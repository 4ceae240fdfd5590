import { Registry } from 'prom-client';
import { version } from '../package.json';
import { releaseMemoryWhenIdle } from './core/idle-memory';
import { createLogger, type Logger } from './core/log';
import { createRuntime, type Runtime } from './core/runtime';
import { exportSpans, type TraceEnvironment } from './tracing/export';

/** After everything is closed a process ends by itself; one that does not is ended after so long. */
const LINGER_MS = 3_000;

/**
 * The runtime of a real process: a log, an orderly end at SIGTERM or SIGINT, and a quick one after a failure that
 * nobody handled, because what such a process would do next cannot be known.
 *
 * @param name as in the Procfile and the registry
 */
export async function startProcess(
  name: string,
  env: TraceEnvironment & { readonly LOG_LEVEL: string; readonly NODE_ENV: string },
): Promise<Runtime> {
  const log = await createLogger({ name, level: env.LOG_LEVEL });
  const metrics = new Registry();
  const spans = await exportSpans({ name, version, log, metrics }, env);
  const production = env.NODE_ENV === 'production';
  const runtime = createRuntime({ name, version, log, production, metrics, spans });
  // Registered first, so closed last: the spans of the end are sent as well.
  if (spans !== null) runtime.onClose('traces', spans.close);
  releaseMemoryWhenIdle(runtime.closing);
  let asked = false;
  const end = (signal: NodeJS.Signals) => {
    if (asked) process.exit(1);
    asked = true;
    log.info({ signal }, 'ending: finishing what is running');
    void runtime.close().then(() => setTimeout(() => endLate(log), LINGER_MS).unref());
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
  const fail = (failure: unknown) => {
    // What was being waited for when the end was asked for does not come any more: that is no failure.
    if (runtime.closing.aborted) return;
    log.fatal({ err: failure }, 'ending after a failure that nobody handled');
    process.exit(1);
  };
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  return runtime;
}

/** Everything is closed; whatever still keeps the process alive is nothing anybody waits for. */
function endLate(log: Logger): void {
  log.warn('something was left open: ending all the same');
  process.exit(0);
}
