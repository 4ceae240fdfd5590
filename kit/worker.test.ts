import { afterEach, beforeEach, expect, test } from 'bun:test';
import { Type } from '@sinclair/typebox';
import { defineEvent, defineJob, envelope } from '#contracts/messages';
import type { Runtime } from '#kit/core/runtime';
import { openBeanstalkd } from '#kit/messaging/beanstalkd/client';
import { openRabbit } from '#kit/messaging/rabbit/client';
import { currentTrace } from '#kit/tracing/context';
import { type EventWorker, type JobWorker, runEventWorker, runJobWorker, serveOperations } from '#kit/worker';
import { eventually } from '../tests/support/eventually';
import { amqpUrl, beanstalkdAddress, testRuntime, uniqueName } from '../tests/support/servers';

const Count = Type.Object({ number: Type.Integer() });
let runtime: Runtime;
beforeEach(() => {
  runtime = testRuntime('worker-test');
});
afterEach(() => runtime.close());

test('a worker works on jobs and events alike, within the trace they carry, and answers for its health', async () => {
  const CountThing = defineJob({
    name: 'thing.count',
    version: 1,
    tube: uniqueName('worker-test'),
    ttrSeconds: 5,
    maxAttempts: 3,
    data: Count,
  });
  const consumer = uniqueName('worker-test');
  const ThingCounted = defineEvent({
    name: 'thing.counted',
    version: 1,
    exchange: uniqueName('worker-test'),
    consumers: [consumer],
    data: Count,
  });
  const rabbit = openRabbit(runtime, { url: amqpUrl(), required: true });
  const beanstalkd = openBeanstalkd(runtime, { address: beanstalkdAddress(), required: true });
  const seen: string[] = [];
  const note = async (message: { name: string; data: { number: number } }) =>
    void seen.push(`${message.name} ${message.data.number} ${currentTrace().requestId}`);
  const jobs: JobWorker<typeof CountThing> = { source: { jobs: [CountThing] }, concurrency: 2, handle: note };
  const events: EventWorker<typeof ThingCounted> = {
    source: { consumer, events: [ThingCounted] },
    concurrency: 2,
    handle: note,
  };
  runJobWorker(runtime, jobs, beanstalkd);
  runEventWorker(runtime, events, rabbit);
  const { port } = serveOperations(runtime, { HOST: '127.0.0.1', PORT: 0 });

  await eventually(() => rabbit.connected && beanstalkd.connected);
  const context = { requestId: 'request-of-the-test', actor: null };
  const bytes = (message: unknown) => Buffer.from(JSON.stringify(message));
  const job = envelope(CountThing, { number: 1 }, context);
  await beanstalkd.put(CountThing.tube, bytes(job), { priority: 1, delaySeconds: 0, ttrSeconds: 5 });
  const event = envelope(ThingCounted, { number: 2 }, context);
  await rabbit.publish(ThingCounted, { id: event.id, body: bytes(event) });
  await eventually(() => seen.length === 2);

  expect(seen.toSorted()).toEqual([
    'thing.count 1 request-of-the-test',
    'thing.counted 2 request-of-the-test',
  ]);
  const ready = await fetch(`http://127.0.0.1:${port}/readyz`);
  expect([ready.status, Object.keys((await ready.json()).dependencies).length]).toEqual([200, 2]);
  await eventually(async () => {
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    return (
      (metrics.match(/message_handling_duration_seconds_count\{.*outcome="done".*\} 1/g) ?? []).length === 2
    );
  });
});

test('a worker answers what it does not know with a problem document and the id of the request', async () => {
  const { port } = serveOperations(runtime, { HOST: '127.0.0.1', PORT: 0 });
  const address = `http://127.0.0.1:${port}`;
  const headers = { 'x-request-id': 'request-of-the-test' };
  const unknown = await fetch(`${address}/nothing`, { headers });
  const wrong = await fetch(`${address}/health`, { method: 'POST', headers });
  expect([unknown.status, wrong.status, wrong.headers.get('allow')]).toEqual([404, 405, 'GET, HEAD']);
  expect(unknown.headers.get('content-type')).toBe('application/problem+json');
  expect(unknown.headers.get('x-request-id')).toBe('request-of-the-test');
  expect(await unknown.json()).toMatchObject({ code: 'route.not-found', request_id: 'request-of-the-test' });
});
