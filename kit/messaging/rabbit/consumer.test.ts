import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { Type } from '@sinclair/typebox';
import { connect } from 'amqplib';
import { sql } from 'drizzle-orm';
import { defineEvent, envelope, type MessageOf } from '#contracts/messages';
import type { Runtime } from '#kit/core/runtime';
import { type MessageContext, PermanentError } from '#kit/messaging/delivery';
import { consumeEventBatchesOnce, consumeEventsOnce, onceInTransaction } from '#kit/messaging/inbox';
import { openRabbit, type Rabbit } from '#kit/messaging/rabbit/client';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import { publisherOn } from '#kit/messaging/rabbit/publisher';
import { parkedQueue } from '#kit/messaging/rabbit/topology';
import { inbox, outbox } from '#kit/messaging/tables';
import { eventually } from '../../../tests/support/eventually';
import { amqpUrl, testDatabase, testRuntime, uniqueName } from '../../../tests/support/servers';
import { createTables } from '../../../tests/support/tables';

const DELAYS_MS = [50, 100];
const runtimes: Runtime[] = [];
let mysql: Awaited<ReturnType<typeof testDatabase>>;

beforeAll(async () => {
  mysql = await testDatabase();
  await createTables(mysql.database, { outbox, inbox });
  await mysql.database.execute(sql`create table effects (message varchar(36) not null)`);
});
afterEach(async () => {
  await Promise.all(runtimes.splice(0).map((runtime) => runtime.close()));
});
afterAll(() => mysql.drop());

describe('a consumer of events', () => {
  test('receives events published before its first start', async () => {
    const { event, publish } = setUp();
    await publish(1);
    const received = consume(event);
    await eventually(() => received.length === 1);
  });

  test('retries after the delays and counts attempts', async () => {
    const { event, publish } = setUp();
    const attempts: number[] = [];
    consume(event, async (_, context) => {
      attempts.push(context.attempt);
      if (context.attempt < 3) throw new Error('not yet');
    });
    await publish(1);
    await eventually(() => attempts.length === 3);
    expect(attempts).toEqual([1, 2, 3]);
  });

  test('parks an event that has used up its attempts, with its reason and unchanged', async () => {
    const { event, publish, consumer } = setUp();
    let attempts = 0;
    consume(event, async () => {
      attempts++;
      throw new Error('the provider is closed');
    });
    const id = await publish(1);
    const parked = await takeParked(consumer);
    expect(attempts).toBe(4);
    expect(parked.headers['x-parked-reason']).toBe('Error: the provider is closed');
    expect(parked.body).toMatchObject({ id, data: { number: 1 } });
  });

  test('parks a permanent failure immediately', async () => {
    const { event, publish, consumer } = setUp();
    let attempts = 0;
    consume(event, async () => {
      attempts++;
      throw new PermanentError('not an image');
    });
    await publish(1);
    expect((await takeParked(consumer)).headers['x-parked-reason']).toBe('PermanentError: not an image');
    expect(attempts).toBe(1);
  });

  test('receives the unacknowledged message of a lost connection', async () => {
    const { event, publish, consumer } = setUp();
    await publish(1);
    const lost = await connect(amqpUrl());
    const channel = await lost.createChannel();
    const held = Promise.withResolvers<void>();
    await channel.consume(consumer, () => held.resolve());
    await held.promise;
    const received = consume(event);
    await lost.close();
    await eventually(() => received.length === 1);
  });

  test('finishes and acknowledges running messages at shutdown', async () => {
    const { event, publish } = setUp();
    await publish(1);
    const started = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    const done: number[] = [];
    const runtime = makeRuntime();
    consumeOn(runtime, event, async (message) => {
      started.resolve();
      await finish.promise;
      done.push(message.data.number);
    });
    await started.promise;
    const closing = runtime.close();
    finish.resolve();
    await closing;
    expect(done).toEqual([1]);
    const later = consume(event);
    await publish(2);
    await eventually(() => later.length === 1);
    expect(later[0]?.data.number).toBe(2);
  });

  test('subscribes again when its queue was deleted', async () => {
    const { event, publish, consumer } = setUp();
    await publish(1);
    const received = consume(event);
    await eventually(() => received.length === 1);
    const connection = await connect(amqpUrl());
    await (await connection.createChannel()).deleteQueue(consumer);
    await connection.close();
    await eventually(async () => {
      await publish(2).catch(() => undefined);
      return received.length > 1;
    });
  }, 60_000);
});

describe('the inbox', () => {
  test('applies an effect once, under concurrent duplicates too', async () => {
    const id = Bun.randomUUIDv7();
    const done = await Promise.all(
      Array.from({ length: 8 }, () =>
        onceInTransaction(mysql.database, 'inbox-test', id, async (transaction) => {
          await transaction.execute(sql`insert into effects values (${id})`);
        }),
      ),
    );
    expect(done.filter(Boolean)).toHaveLength(1);
    expect(await effectsOf(id)).toBe(1);
  });

  test('records nothing when the effect fails, so that a redelivery applies it', async () => {
    const id = Bun.randomUUIDv7();
    const failing = onceInTransaction(mysql.database, 'inbox-test', id, async () => {
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await onceInTransaction(mysql.database, 'inbox-test', id, async () => undefined)).toBe(true);
  });

  test('deduplicates by the message id, from publisher to consumer', async () => {
    const { event, publishMessage } = setUp();
    const runtime = makeRuntime();
    let calls = 0;
    consumeEventsOnce(runtime, openRabbit(runtime, { urls: [amqpUrl()], required: true }), mysql.database, {
      consumer: event.consumers[0] ?? '',
      events: [event],
      prefetch: 5,
      handle: async (message, transaction) => {
        calls++;
        await transaction.execute(sql`insert into effects values (${message.id})`);
      },
    });
    const message = envelope(event, { number: 1 }, { requestId: 'request-1', actor: null });
    const last = envelope(event, { number: 2 }, { requestId: 'request-1', actor: null });
    for (const sent of [message, message, message, last]) await publishMessage(sent);
    await eventually(async () => (await effectsOf(last.id)) === 1);
    expect(await effectsOf(message.id)).toBe(1);
    expect(calls).toBe(2);
  });

  test('applies each message of a batch once, whichever of them fails or was handled before', async () => {
    const { event, publishMessage } = setUp();
    const messages = Array.from({ length: 12 }, (_, number) =>
      envelope(event, { number }, { requestId: 'request-1', actor: null }),
    );
    const consumer = event.consumers[0] ?? '';
    const [earlier, wrong] = messages;
    await onceInTransaction(mysql.database, consumer, earlier?.id ?? '', async () => undefined);
    for (const sent of [...messages, ...messages]) await publishMessage(sent);
    const runtime = makeRuntime();
    const brokers = openRabbit(runtime, { urls: [amqpUrl()], required: true });
    consumeEventBatchesOnce(runtime, brokers, mysql.database, {
      consumer,
      events: [event],
      prefetch: 24,
      handle: async (batch, transaction) => {
        for (const { id } of batch) await transaction.execute(sql`insert into effects values (${id})`);
        if (batch.some(({ id }) => id === wrong?.id)) throw new PermanentError('wrong');
      },
    });
    const applied = messages.slice(2);
    await eventually(async () => {
      const effects = await Promise.all(applied.map(({ id }) => effectsOf(id)));
      return effects.every((count) => count === 1);
    });
    expect(await effectsOf(earlier?.id ?? '')).toBe(0);
    expect(await effectsOf(wrong?.id ?? '')).toBe(0);
  });
});

test('publishing is rejected immediately while RabbitMQ is unavailable', async () => {
  const { event } = setUp();
  const nowhere = openRabbit(makeRuntime(), { urls: ['amqp://127.0.0.1:1'], required: false });
  await expect(nowhere.publish(event, { id: Bun.randomUUIDv7(), body: Buffer.from('{}') })).rejects.toThrow(
    'not connected',
  );
});

test('a returned message is a failure although the broker confirms it', async () => {
  const { rabbit } = setUp();
  const channel = rabbit.openChannel('test', async (opened) => publisherOn(opened));
  const { prepared: publisher } = await channel.opened();
  const unroutable = { exchange: 'amq.topic', routingKey: uniqueName('nobody'), body: Buffer.from('{}') };
  const publish = (mandatory: boolean) =>
    publisher.publish({ ...unroutable, messageId: Bun.randomUUIDv7(), mandatory });
  await expect(publish(true)).rejects.toThrow('returned');
  await publish(false);
  await channel.close();
});

function makeRuntime(): Runtime {
  const runtime = testRuntime('events-test');
  runtimes.push(runtime);
  return runtime;
}

type Counted = ReturnType<typeof defineCounted>;
const defineCounted = (consumer: string) =>
  defineEvent({
    name: 'thing.counted',
    version: 1,
    exchange: uniqueName('events-test'),
    consumers: [consumer],
    data: Type.Object({ number: Type.Integer() }),
  });

function setUp() {
  const consumer = uniqueName('events-test');
  const event = defineCounted(consumer);
  const rabbit: Rabbit = openRabbit(makeRuntime(), { urls: [amqpUrl()], required: true });
  async function publishMessage(message: MessageOf<Counted>) {
    await eventually(() => rabbit.connected);
    await rabbit.publish(event, { id: message.id, body: Buffer.from(JSON.stringify(message)) });
    return message.id;
  }
  const publish = (number: number) =>
    publishMessage(envelope(event, { number }, { requestId: 'request-1', actor: null }));
  return { consumer, event, rabbit, publish, publishMessage };
}

type Handle = (message: MessageOf<Counted>, context: MessageContext) => Promise<void>;

function consume(event: Counted, handle: Handle = async () => undefined): MessageOf<Counted>[] {
  const received: MessageOf<Counted>[] = [];
  consumeOn(makeRuntime(), event, async (message, context) => {
    await handle(message, context);
    received.push(message);
  });
  return received;
}

function consumeOn(runtime: Runtime, event: Counted, handle: Handle): void {
  consumeEvents(runtime, openRabbit(runtime, { urls: [amqpUrl()], required: true }), {
    consumer: event.consumers[0] ?? '',
    events: [event],
    prefetch: 5,
    retryDelaysMs: DELAYS_MS,
    maxAttempts: 4,
    handle,
  });
}

async function takeParked(consumer: string): Promise<{ headers: Record<string, unknown>; body: unknown }> {
  const connection = await connect(amqpUrl());
  const channel = await connection.createChannel();
  const taken = Promise.withResolvers<{ headers: Record<string, unknown>; body: unknown }>();
  await channel.consume(
    parkedQueue(consumer),
    (message) => {
      if (message)
        taken.resolve({
          headers: message.properties.headers ?? {},
          body: JSON.parse(message.content.toString()),
        });
    },
    { noAck: true },
  );
  const parked = await taken.promise;
  await connection.close();
  return parked;
}

async function effectsOf(id: string): Promise<number> {
  const [rows] = await mysql.database.execute<{ n: number }[]>(
    sql`select count(*) as n from effects where message = ${id}`,
  );
  const row: unknown = Array.isArray(rows) ? rows[0] : undefined;
  return typeof row === 'object' && row !== null && 'n' in row ? Number(row.n) : 0;
}
