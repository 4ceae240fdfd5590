import { afterEach, beforeEach, expect, test } from 'bun:test';
import { Type } from '@sinclair/typebox';
import { defineEvent, defineJob, envelope } from '#contracts/messages';
import { eventually } from '../../tests/support/eventually';
import { amqpUrl, beanstalkdAddress, testRuntime, uniqueName } from '../../tests/support/servers';
import { readiness } from '../core/readiness';
import type { Runtime } from '../core/runtime';
import { currentTrace } from '../tracing/context';
import { openBeanstalkd } from './beanstalkd/client';
import { consumeJobs } from './beanstalkd/consumer';
import { openRabbit } from './rabbit/client';
import { consumeEvents } from './rabbit/consumer';

const Count = Type.Object({ number: Type.Integer() });
let runtime: Runtime;
beforeEach(() => {
  runtime = testRuntime('consumers-test');
});
afterEach(() => runtime.close());

test('jobs and events are handled alike: within their trace, and with the same metrics and readiness', async () => {
  const CountThing = defineJob({
    name: 'thing.count',
    version: 1,
    tube: uniqueName('consumers-test'),
    publishers: ['consumers-test'],
    ttrSeconds: 5,
    maxAttempts: 3,
    data: Count,
  });
  const consumer = uniqueName('consumers-test');
  const ThingCounted = defineEvent({
    name: 'thing.counted',
    version: 1,
    exchange: uniqueName('consumers-test'),
    consumers: [consumer],
    data: Count,
  });
  const rabbit = openRabbit(runtime, { urls: [amqpUrl()], required: true });
  const beanstalkd = openBeanstalkd(runtime, { addresses: [beanstalkdAddress()], required: true });
  const seen: string[] = [];
  const handle = async (message: { name: string; data: { number: number } }) =>
    void seen.push(`${message.name} ${message.data.number} ${currentTrace().requestId}`);
  consumeJobs(runtime, beanstalkd, { jobs: [CountThing], concurrency: 2, handle });
  consumeEvents(runtime, rabbit, { consumer, events: [ThingCounted], prefetch: 2, handle });

  await eventually(() => rabbit.connected && beanstalkd.connected);
  const context = { requestId: 'request-of-the-test', actor: null };
  const bytes = (message: unknown) => Buffer.from(JSON.stringify(message));
  const job = envelope(CountThing, { number: 1 }, context);
  await beanstalkd.put(CountThing.tube, bytes(job), {
    id: job.id,
    priority: 1,
    delaySeconds: 0,
    ttrSeconds: 5,
  });
  const event = envelope(ThingCounted, { number: 2 }, context);
  await rabbit.publish(ThingCounted, { id: event.id, body: bytes(event) });
  await eventually(() => seen.length === 2);

  expect(seen.toSorted()).toEqual([
    'thing.count 1 request-of-the-test',
    'thing.counted 2 request-of-the-test',
  ]);
  const { ready, dependencies } = await readiness(runtime);
  expect([ready, Object.keys(dependencies).length]).toEqual([true, 2]);
  await eventually(async () => {
    const metrics = await runtime.metrics.metrics();
    return (
      (metrics.match(/message_handling_duration_seconds_count\{.*outcome="done".*\} 1/g) ?? []).length ===
        2 && (metrics.match(/queue_messages\{.*state="ready".*\} 0/g) ?? []).length === 2
    );
  });
});
