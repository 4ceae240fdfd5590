import { version } from '../package.json';
import { createLogger } from './log';
import { createRuntime, type Runtime } from './runtime';

/**
 * The runtime of a real process: a log, an orderly end at SIGTERM or SIGINT, and a quick one after a failure that
 * nobody handled, because what such a process would do next cannot be known.
 *
 * @param name as in the Procfile and the registry
 */
export async function startProcess(
  name: string,
  env: { readonly LOG_LEVEL: string; readonly NODE_ENV: string },
): Promise<Runtime> {
  const log = await createLogger({ name, level: env.LOG_LEVEL });
  const runtime = createRuntime({ name, version, log, production: env.NODE_ENV === 'production' });
  let asked = false;
  const end = (signal: NodeJS.Signals) => {
    if (asked) process.exit(1);
    asked = true;
    log.info({ signal }, 'ending: finishing what is running');
    void runtime.close();
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
  const fail = (failure: unknown) => {
    log.fatal({ err: failure }, 'ending after a failure that nobody handled');
    process.exit(1);
  };
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  return runtime;
}
