import { Type } from '@sinclair/typebox';
import { defineEvent, defineJob } from '#contracts/messages';
import { openBeanstalkd } from '#kit/messaging/beanstalkd/client';
import { openRabbit } from '#kit/messaging/rabbit/client';
import { runEventWorker, runJobWorker } from '#kit/worker';
import { amqpUrl, beanstalkdAddress, testRuntime } from '../support/servers';

/** Shared by the test and the worker under test; `name` isolates runs. */
export const definitionsFor = (name: string) => ({
  job: defineJob({
    name: 'thing.do',
    version: 1,
    tube: name,
    publishers: ['worker-killed'],
    ttrSeconds: 60,
    maxAttempts: 5,
    data: Type.Object({}),
  }),
  event: defineEvent({
    name: 'thing.done',
    version: 1,
    exchange: name,
    consumers: [name],
    data: Type.Object({}),
  }),
});

/** As a process: receives one job and one event, reports so on stdout, and never completes either. */
if (import.meta.main) {
  const name = process.argv[2] ?? '';
  const { job, event } = definitionsFor(name);
  const runtime = testRuntime('stuck-worker');
  const handle = (message: { name: string }) => {
    process.stdout.write(`${message.name} started\n`);
    return new Promise<void>(() => undefined);
  };
  runJobWorker(
    runtime,
    { source: { jobs: [job] }, concurrency: 1, handle },
    openBeanstalkd(runtime, { addresses: [beanstalkdAddress()], required: true }),
  );
  runEventWorker(
    runtime,
    { source: { consumer: name, events: [event] }, concurrency: 1, handle },
    openRabbit(runtime, { urls: [amqpUrl()], required: true }),
  );
}
