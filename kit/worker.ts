import { Elysia } from 'elysia';
import type { EventDefinition, JobDefinition, MessageDefinition, MessageOf } from '#contracts/messages';
import type { Runtime } from './core/runtime';
import { operations } from './http/operations';
import { requests } from './http/requests';
import { serveHttp } from './http/server';
import type { Beanstalkd } from './messaging/beanstalkd/client';
import { consumeJobs } from './messaging/beanstalkd/consumer';
import type { MessageContext } from './messaging/delivery';
import type { Rabbit } from './messaging/rabbit/client';
import { consumeEvents } from './messaging/rabbit/consumer';

/** Jobs of one tube. */
export interface JobSource<Definition extends JobDefinition> {
  readonly jobs: readonly Definition[];
}

/** Events, through a queue that the worker's instances share. */
export interface EventSource<Definition extends EventDefinition> {
  readonly consumer: string;
  readonly events: readonly Definition[];
}

/** What `workers/<name>/index.ts` makes. */
export interface Worker<Definition extends MessageDefinition, Source> {
  readonly source: Source;
  /** Messages handled at a time by one process. */
  readonly concurrency: number;
  /**
   * Gets a validated message. Returning acknowledges it. A `PermanentError` parks it with its reason; any other error
   * is tried again with growing, jittered delay until the attempts are used up, then it is parked. Delivery is at
   * least once: doing it twice must be the same as doing it once.
   */
  readonly handle: (message: MessageOf<Definition>, context: MessageContext) => Promise<void>;
}

export type JobWorker<Definition extends JobDefinition> = Worker<Definition, JobSource<Definition>>;
export type EventWorker<Definition extends EventDefinition> = Worker<Definition, EventSource<Definition>>;

/** Works through the jobs of a tube until the runtime ends; then finishes what is running and gives back the rest. */
export function runJobWorker<Definition extends JobDefinition>(
  runtime: Runtime,
  worker: JobWorker<Definition>,
  beanstalkd: Beanstalkd,
): void {
  consumeJobs(runtime, beanstalkd, {
    jobs: worker.source.jobs,
    concurrency: worker.concurrency,
    handle: worker.handle,
  });
}

/** Works through events until the runtime ends; then finishes what is running and gives back the rest. */
export function runEventWorker<Definition extends EventDefinition>(
  runtime: Runtime,
  worker: EventWorker<Definition>,
  rabbit: Rabbit,
): void {
  consumeEvents(runtime, rabbit, {
    consumer: worker.source.consumer,
    events: worker.source.events,
    prefetch: worker.concurrency,
    handle: worker.handle,
  });
}

/**
 * Answers `/health`, `/healthz`, `/readyz` and `/metrics` for a process that has no routes of its own, and everything
 * else with a problem document.
 */
export function serveOperations(runtime: Runtime, env: { HOST: string; PORT: number }): { port: number } {
  // There is nothing to send to a worker.
  const rules = { mediaTypes: [], bodyBytes: 0 };
  const app = new Elysia().use(requests(runtime, rules)).use(operations(runtime));
  const server = serveHttp(runtime, app, {
    hostname: env.HOST,
    port: env.PORT,
    insist: false,
  });
  runtime.onClose('operational routes', () => server.stop(1_000));
  runtime.log.info(`listening on http://${env.HOST}:${server.port}`);
  return server;
}
