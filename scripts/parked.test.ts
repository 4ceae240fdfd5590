import { afterAll, expect, test } from 'bun:test';
import { Type } from '@sinclair/typebox';
import { LikeValidate } from '#contracts/jobs/likes';
import { defineEvent, envelope } from '#contracts/messages';
import { createIdGenerator, uuidv7 } from '#kit/core/ids';
import { openBeanstalkd } from '#kit/messaging/beanstalkd/client';
import { consumeJobs } from '#kit/messaging/beanstalkd/consumer';
import { putJob } from '#kit/messaging/beanstalkd/put-job';
import { PermanentError } from '#kit/messaging/delivery';
import { openRabbit } from '#kit/messaging/rabbit/client';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import { eventually } from '../tests/support/eventually';
import { amqpUrl, beanstalkdAddress, testRuntime, uniqueName } from '../tests/support/servers';
import { listParked, replayParked } from './parked';

const runtime = testRuntime('parked');
const rabbit = openRabbit(runtime, { url: amqpUrl(), required: true });
const beanstalkd = openBeanstalkd(runtime, { address: beanstalkdAddress(), required: true });
const brokers = { amqpUrl: amqpUrl(), beanstalkd: beanstalkdAddress() };

afterAll(() => runtime.close());

const parkedIn = async (queue: string) =>
  (await listParked(brokers, [queue])).find(({ name }) => name === queue);

test('events that could not be done are listed with their reasons, stay, and are tried again when asked for', async () => {
  const consumer = uniqueName('parked');
  const Happened = defineEvent({
    name: 'test.happened',
    version: 1,
    exchange: uniqueName('exchange'),
    consumers: [consumer],
    data: Type.Object({ number: Type.Integer() }),
  });
  let broken = true;
  const done: number[] = [];
  consumeEvents(runtime, rabbit, {
    consumer,
    events: [Happened],
    prefetch: 5,
    async handle({ data }) {
      if (broken) throw new PermanentError('the printer is on fire');
      done.push(data.number);
    },
  });
  const messages = Array.from({ length: 15 }, (_, number) =>
    envelope(Happened, { number }, { requestId: 'a-request-of-a-test', actor: null }),
  );
  await eventually(() => rabbit.connected);
  for (const message of messages)
    await rabbit.publish(Happened, { id: message.id, body: Buffer.from(JSON.stringify(message)) });
  await eventually(async () => (await parkedIn(consumer))?.count === 15);
  const parked = await parkedIn(consumer);
  expect(parked?.shown).toHaveLength(10);
  for (const message of parked?.shown ?? []) {
    expect(messages.map(({ id }) => id)).toContain(message.id);
    expect(message).toMatchObject({
      name: 'test.happened',
      reason: 'PermanentError: the printer is on fire',
    });
    expect(Date.parse(message.parkedAt ?? '')).toBeGreaterThan(Date.now() - 60_000);
  }
  // Still broken: each is tried once more and parked again, and the replay ends.
  expect(await replayParked(brokers, consumer)).toBe(15);
  await eventually(async () => (await parkedIn(consumer))?.count === 15);
  broken = false;
  expect(await replayParked(brokers, consumer)).toBe(15);
  await eventually(() => done.length === 15);
  expect(done.toSorted((one, other) => one - other)).toEqual(messages.map(({ data }) => data.number));
  expect(await parkedIn(consumer)).toBeUndefined();
}, 60_000);

test('jobs that could not be done are listed, stay, and are tried again when asked for', async () => {
  const nextPostId = createIdGenerator(1);
  const liked = Array.from({ length: 12 }, () => nextPostId());
  let broken = true;
  const done = new Set<string>();
  const handled = new Set<string>();
  consumeJobs(runtime, beanstalkd, {
    jobs: [LikeValidate],
    concurrency: 3,
    async handle({ data }) {
      handled.add(data.post_id);
      if (broken) throw new PermanentError('the printer is on fire');
      done.add(data.post_id);
    },
  });
  await eventually(() => beanstalkd.connected);
  for (const post_id of liked)
    await putJob(beanstalkd, LikeValidate, {
      post_id,
      user_id: uuidv7(),
      liked_at: new Date().toISOString(),
    });
  await eventually(() => liked.every((id) => handled.has(id)));
  await eventually(async () => ((await parkedIn(LikeValidate.tube))?.count ?? 0) >= 12);
  const parked = await parkedIn(LikeValidate.tube);
  expect(parked?.shown).toHaveLength(10);
  expect(parked?.shown[0]).toMatchObject({
    name: 'like.validate',
    reason: 'PermanentError: the printer is on fire',
  });
  broken = false;
  await replayParked(brokers, LikeValidate.tube);
  await eventually(() => liked.every((id) => done.has(id)));
  expect(await parkedIn(LikeValidate.tube)).toBeUndefined();
}, 60_000);

test('a queue that nobody has declared has nothing to replay', async () => {
  expect(await replayParked(brokers, uniqueName('nobody'))).toBe(0);
});
