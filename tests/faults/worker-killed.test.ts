import { afterEach, expect, test } from 'bun:test';
import { envelope } from '#contracts/messages';
import { openBeanstalkd } from '#kit/messaging/beanstalkd/client';
import { openRabbit } from '#kit/messaging/rabbit/client';
import { runEventWorker, runJobWorker } from '#kit/worker';
import { eventually } from '../support/eventually';
import { amqpUrl, beanstalkdAddress, testRuntime, uniqueName } from '../support/servers';
import { definitionsFor } from './stuck-worker';

const runtime = testRuntime('worker-killed');
afterEach(() => runtime.close());

test('messages in progress in a killed worker are redelivered to the next one', async () => {
  const name = uniqueName('worker-killed');
  const { job, event } = definitionsFor(name);
  const rabbit = openRabbit(runtime, { urls: [amqpUrl()], required: true });
  const beanstalkd = openBeanstalkd(runtime, { addresses: [beanstalkdAddress()], required: true });
  await eventually(() => rabbit.connected && beanstalkd.connected);
  const context = { requestId: 'request-1', actor: null };
  const sentJob = envelope(job, {}, context);
  const sentEvent = envelope(event, {}, context);
  const bytes = (message: unknown) => Buffer.from(JSON.stringify(message));
  await beanstalkd.put(job.tube, bytes(sentJob), {
    id: sentJob.id,
    priority: 1,
    delaySeconds: 0,
    ttrSeconds: job.ttrSeconds,
  });
  await rabbit.publish(event, { id: sentEvent.id, body: bytes(sentEvent) });

  const stuck = Bun.spawn([process.execPath, `${import.meta.dir}/stuck-worker.ts`, name], { stdout: 'pipe' });
  let output = '';
  for await (const chunk of stuck.stdout) {
    output += Buffer.from(chunk).toString();
    if (output.includes('thing.do started') && output.includes('thing.done started')) break;
  }
  stuck.kill('SIGKILL');
  await stuck.exited;

  const done: string[] = [];
  const handle = async (message: { id: string }) => void done.push(message.id);
  runJobWorker(runtime, { source: { jobs: [job] }, concurrency: 1, handle }, beanstalkd);
  runEventWorker(runtime, { source: { consumer: name, events: [event] }, concurrency: 1, handle }, rabbit);
  await eventually(() => done.length === 2);
  expect(done.toSorted()).toEqual([sentJob.id, sentEvent.id].toSorted());
}, 60_000);
