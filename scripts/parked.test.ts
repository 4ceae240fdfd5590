import { afterAll, expect, test } from 'bun:test';
import { Type } from '@sinclair/typebox';
import { LikeValidate } from '#contracts/jobs/likes';
import { defineEvent, envelope } from '#contracts/messages';
import { createIdGenerator, uuidv7 } from '#kit/core/ids';
import { openBeanstalkd } from '#kit/messaging/beanstalkd/client';
import { consumeJobs } from '#kit/messaging/beanstalkd/consumer';
import { putJob } from '#kit/messaging/beanstalkd/put-job';
import { PermanentError } from '#kit/messaging/delivery';
import { outboxEntry, writeOutbox } from '#kit/messaging/outbox';
import { openRabbit } from '#kit/messaging/rabbit/client';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import { outbox } from '#kit/messaging/tables';
import { inTransaction } from '#kit/mysql/database';
import { eventually } from '../tests/support/eventually';
import { amqpUrl, beanstalkdAddress, testDatabase, testRuntime, uniqueName } from '../tests/support/servers';
import { createTables } from '../tests/support/tables';
import { listParked, replayParked } from './parked';
import { listRefusedRows } from './parked/outboxes';

const runtime = testRuntime('likes');
const rabbit = openRabbit(runtime, { urls: [amqpUrl()], required: true });
const beanstalkd = openBeanstalkd(runtime, { addresses: [beanstalkdAddress()], required: true });
const brokers = { amqpUrls: [amqpUrl()], beanstalkd: [beanstalkdAddress()] };

afterAll(() => runtime.close());

const parkedIn = async (queue: string) =>
  (await listParked(brokers, [queue])).queues.find(({ name }) => name === queue);

test('parked events are listed with their reasons, retained, and processed after a replay', async () => {
  const consumer = uniqueName('parked');
  const Happened = defineEvent({
    name: 'test.happened',
    version: 1,
    exchange: uniqueName('exchange'),
    consumers: [consumer],
    data: Type.Object({ number: Type.Integer() }),
  });
  let isFailing = true;
  const processed: number[] = [];
  consumeEvents(runtime, rabbit, {
    consumer,
    events: [Happened],
    prefetch: 5,
    async handle({ data }) {
      if (isFailing) throw new PermanentError('the handler is failing');
      processed.push(data.number);
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
      reason: 'PermanentError: the handler is failing',
    });
    expect(Date.parse(message.parkedAt ?? '')).toBeGreaterThan(Date.now() - 60_000);
  }
  // The handler still fails: each message is parked again, and the replay ends.
  expect((await replayParked(brokers, consumer)).moved).toBe(15);
  await eventually(async () => (await parkedIn(consumer))?.count === 15);
  isFailing = false;
  expect((await replayParked(brokers, consumer)).moved).toBe(15);
  await eventually(() => processed.length === 15);
  expect(processed.toSorted((one, other) => one - other)).toEqual(messages.map(({ data }) => data.number));
  expect(await parkedIn(consumer)).toBeUndefined();
}, 60_000);

test('parked jobs are listed, retained, and processed after a replay', async () => {
  const nextPostId = createIdGenerator(1);
  const liked = Array.from({ length: 12 }, () => nextPostId());
  let isFailing = true;
  const processed = new Set<string>();
  const handled = new Set<string>();
  consumeJobs(runtime, beanstalkd, {
    jobs: [LikeValidate],
    concurrency: 3,
    async handle({ data }) {
      handled.add(data.post_id);
      if (isFailing) throw new PermanentError('the handler is failing');
      processed.add(data.post_id);
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
    reason: 'PermanentError: the handler is failing',
  });
  isFailing = false;
  await replayParked(brokers, LikeValidate.tube);
  await eventually(() => liked.every((id) => processed.has(id)));
  expect(await parkedIn(LikeValidate.tube)).toBeUndefined();
}, 60_000);

test('replaying an undeclared queue moves nothing', async () => {
  expect((await replayParked(brokers, uniqueName('undeclared'))).moved).toBe(0);
});

test('outbox rows that the broker refuses are listed by service, with the reason', async () => {
  const { database, address, drop } = await testDatabase();
  const services = [{ name: 'users', address }];
  expect(await listRefusedRows(services)).toEqual([]);
  await createTables(database, { outbox });
  const Renamed = defineEvent({
    name: 'test.renamed',
    version: 1,
    exchange: 'nowhere',
    data: Type.Object({}),
  });
  const aggregate = { type: 'test', id: 'a test', version: 1 };
  const entry = outboxEntry(Renamed, {}, { aggregate, actor: null });
  await inTransaction(database, (transaction) => writeOutbox(transaction, [entry, entry]));
  await database.update(outbox).set({ lastError: 'refused: no rights' }).limit(1);
  expect(await listRefusedRows(services)).toMatchObject([
    { name: 'users, not sent', count: 1, shown: [{ id: entry.messageId, reason: 'refused: no rights' }] },
  ]);
  await drop();
});
