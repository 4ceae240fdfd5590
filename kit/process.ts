import { Gauge, Registry } from 'prom-client';
import { version } from '../package.json';
import { EXIT_CONFIGURATION } from './config/environment';
import { credentialsOf } from './config/urls';
import { InvalidIdentity, openIdentity, type PublishedKey, type ServiceIdentity } from './core/identity';
import {
  expiryOf,
  type InternalTlsEnvironment,
  InvalidInternalTls,
  openInternalTls,
} from './core/internal-tls';
import { createLogger } from './core/log';
import { endWithProcess } from './core/process-lifetime';
import { createRuntime, type Runtime } from './core/runtime';
import { exportSpans, type TraceEnvironment } from './tracing/export';

/**
 * Creates the runtime of a process: its log, graceful shutdown on SIGTERM or SIGINT, and an immediate exit after an
 * unhandled error (`kit/core/process-lifetime`).
 *
 * @param name as in the Procfile and the registry
 */
export async function startProcess(
  name: string,
  env: TraceEnvironment &
    InternalTlsEnvironment & {
      readonly LOG_LEVEL: string;
      readonly NODE_ENV: string;
      readonly SERVICE_KEY?: string | undefined;
      readonly SERVICE_KEYS?: readonly PublishedKey[] | undefined;
      readonly ACCEPT_UNSIGNED_MESSAGES?: boolean;
      readonly AMQP_URL?: readonly string[];
      readonly METRICS_ALLOWED: readonly string[];
      readonly METRICS_TOKEN: string | undefined;
    },
): Promise<Runtime> {
  // Logs, stored files and caches may hold personal data: they are for the owner of the process alone.
  process.umask(0o077);
  const log = await createLogger({ name, level: env.LOG_LEVEL });
  const identity = configured(() => openIdentity(name, env));
  const internalTls = configured(() => openInternalTls(name, env));
  const metrics = new Registry();
  const spans = await exportSpans({ name, version, log, metrics }, env);
  if (internalTls !== null)
    new Gauge({
      name: 'internal_tls_expires_timestamp_seconds',
      help: 'When the certificate for other processes, as read at the start, ends',
      registers: [metrics],
    }).set(expiryOf(internalTls));
  const production = env.NODE_ENV === 'production';
  if (production) requireOwnUser(identity, env.AMQP_URL);
  const metricsReaders = { ranges: env.METRICS_ALLOWED, token: env.METRICS_TOKEN };
  const runtime = createRuntime({
    name,
    version,
    log,
    production,
    identity,
    internalTls,
    metrics,
    spans,
    metricsReaders,
  });
  // Registered first, so closed last: the spans of the shutdown are exported as well.
  if (spans !== null) runtime.onClose('traces', spans.close);
  endWithProcess(runtime);
  return runtime;
}

/** What is read from the environment beyond its schema; ends the process when it is wrong. */
function configured<Result>(read: () => Result): Result {
  try {
    return read();
  } catch (failure) {
    if (!(failure instanceof InvalidIdentity || failure instanceof InvalidInternalTls)) throw failure;
    refuse(failure.message);
  }
}

/** A message names the user that has published it: with a shared one, consumers could not tell forged events. */
function requireOwnUser({ name }: ServiceIdentity, amqpUrls: readonly string[] = []): void {
  if (amqpUrls.every((url) => credentialsOf(url).user === name)) return;
  refuse(
    `AMQP_USER must be ${name} in production: each process has a user of its own, which \`server-users rabbitmq\` defines`,
  );
}

function refuse(problem: string): never {
  console.error(`Invalid configuration:\n  ${problem}`);
  process.exit(EXIT_CONFIGURATION);
}
