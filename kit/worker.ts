import { Elysia } from 'elysia';
import type { EventDefinition, JobDefinition, MessageDefinition, MessageOf } from '#contracts/messages';
import type { Environment } from './config/environment';
import { beanstalkdAddresses, type beanstalkdFields } from './config/fields';
import { instanceUrl } from './core/address';
import type { Runtime } from './core/runtime';
import { createGrpcClient, type GrpcClient } from './grpc/client';
import type { GrpcDefinition } from './grpc/definition';
import { operations } from './http/operations/operations';
import { requests } from './http/requests';
import { serveHttp } from './http/server';
import { type Beanstalkd, openBeanstalkd } from './messaging/beanstalkd/client';
import { consumeJobs } from './messaging/beanstalkd/consumer';
import type { MessageContext } from './messaging/delivery';
import { openRabbit, type Rabbit } from './messaging/rabbit/client';
import { consumeEvents } from './messaging/rabbit/consumer';
import { startProcess } from './process';
import { watchRegistry } from './registry/client';

/** Jobs of one tube. */
export interface JobSource<Definition extends JobDefinition> {
  readonly jobs: readonly Definition[];
}

/** Events, from a queue shared by the worker's instances. */
export interface EventSource<Definition extends EventDefinition> {
  readonly consumer: string;
  readonly events: readonly Definition[];
}

/** What `workers/<name>/index.ts` defines. */
export interface Worker<Definition extends MessageDefinition, Source> {
  readonly source: Source;
  /** Messages handled concurrently by one process. */
  readonly concurrency: number;
  /**
   * Handles a validated message. Returning acknowledges it. A `PermanentError` parks it with its reason; any other error
   * is retried with exponential back-off and jitter until the attempts are used up, then it is parked. Delivery is at
   * least once: the handler must be idempotent.
   */
  readonly handle: (message: MessageOf<Definition>, context: MessageContext) => Promise<void>;
}

export interface JobWorker<Definition extends JobDefinition>
  extends Worker<Definition, JobSource<Definition>> {
  /** Jobs that are reserved together, `concurrency` times, for a handler that batches them; 1 by default. */
  readonly batch?: number;
}
export type EventWorker<Definition extends EventDefinition> = Worker<Definition, EventSource<Definition>>;

type WorkerEnvironment = Parameters<typeof startProcess>[1] & {
  readonly HOST: string;
  readonly PORT: number;
  readonly REGISTRY_URL: readonly string[];
};

/** The shared resources of a worker process. */
export interface WorkerProcess {
  readonly runtime: Runtime;
  /**
   * A gRPC client of a service (`kit/grpc/client`).
   *
   * @param options.deadlineMs for calls that set no deadline
   */
  grpcClient<Definition extends GrpcDefinition>(
    service: string,
    definition: Definition,
    options?: { deadlineMs?: number },
  ): GrpcClient<Definition>;
}

/** A worker process fed by beanstalkd. */
export interface JobWorkerProcess extends WorkerProcess {
  readonly beanstalkd: Beanstalkd;
  /** Serves health and metrics, and consumes jobs until shutdown: running ones finish, the others are released. */
  run<Definition extends JobDefinition>(worker: JobWorker<Definition>): void;
}

/** A worker process fed by RabbitMQ. */
export interface EventWorkerProcess extends WorkerProcess {
  readonly rabbit: Rabbit;
  /** Serves health and metrics, and consumes events until shutdown: running ones finish, the others are requeued. */
  run<Definition extends EventDefinition>(worker: EventWorker<Definition>): void;
}

/**
 * Starts the process of a worker that consumes beanstalkd jobs: runtime, registry view and beanstalkd.
 * Returns immediately, whatever is unavailable; connections are retried in the background.
 *
 * @param name as in the Procfile
 */
export async function startJobWorker(
  name: string,
  env: WorkerEnvironment & Environment<typeof beanstalkdFields>,
): Promise<JobWorkerProcess> {
  const worker = await startWorker(name, env);
  const { runtime } = worker;
  const beanstalkd = openBeanstalkd(runtime, { addresses: beanstalkdAddresses(env), required: true });
  return {
    ...worker,
    beanstalkd,
    run(jobs) {
      runJobWorker(runtime, jobs, beanstalkd);
      serveOperations(runtime, env);
    },
  };
}

/**
 * Starts the process of a worker that consumes RabbitMQ events: runtime, registry view and RabbitMQ.
 * Returns immediately, whatever is unavailable; connections are retried in the background.
 *
 * @param name as in the Procfile
 */
export async function startEventWorker(
  name: string,
  env: WorkerEnvironment & { readonly AMQP_URL: readonly string[] },
): Promise<EventWorkerProcess> {
  const worker = await startWorker(name, env);
  const { runtime } = worker;
  const rabbit = openRabbit(runtime, { urls: env.AMQP_URL, required: true });
  return {
    ...worker,
    rabbit,
    run(events) {
      runEventWorker(runtime, events, rabbit);
      serveOperations(runtime, env);
    },
  };
}

async function startWorker(name: string, env: WorkerEnvironment): Promise<WorkerProcess> {
  const runtime = await startProcess(name, env);
  const registry = watchRegistry(runtime, { urls: env.REGISTRY_URL });
  return {
    runtime,
    grpcClient: (service, definition, options = {}) =>
      createGrpcClient(runtime, { service, definition, registry, ...options }),
  };
}

/** Consumes a worker's jobs until the runtime shuts down; for processes and tests that open beanstalkd themselves. */
export function runJobWorker<Definition extends JobDefinition>(
  runtime: Runtime,
  worker: JobWorker<Definition>,
  beanstalkd: Beanstalkd,
): void {
  const { source, concurrency, batch, handle } = worker;
  consumeJobs(runtime, beanstalkd, {
    jobs: source.jobs,
    concurrency,
    handle,
    ...(batch !== undefined && { batch }),
  });
}

/** Consumes a worker's events until the runtime shuts down; for processes and tests that open RabbitMQ themselves. */
export function runEventWorker<Definition extends EventDefinition>(
  runtime: Runtime,
  worker: EventWorker<Definition>,
  rabbit: Rabbit,
): void {
  const { source, concurrency, handle } = worker;
  consumeEvents(runtime, rabbit, { ...source, prefetch: concurrency, handle });
}

/**
 * Serves `/health`, `/healthz`, `/readyz` and `/metrics` for a process without routes of its own; everything else gets a
 * problem document.
 */
export function serveOperations(runtime: Runtime, env: { HOST: string; PORT: number }): { port: number } {
  // Workers receive no requests with a body.
  const rules = { bodyBytes: 0 };
  const app = new Elysia().use(requests(runtime, rules)).use(operations(runtime));
  const server = serveHttp(runtime, app, { hostname: env.HOST, port: env.PORT, strictPort: false });
  runtime.onClose('operational routes', () => server.stop(1_000));
  const address = { host: env.HOST, port: server.port, tls: runtime.internalTls !== null };
  runtime.log.info(`listening on ${instanceUrl(address)}`);
  return server;
}
