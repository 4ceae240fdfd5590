import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { Type } from '@sinclair/typebox';
import { eq, sql } from 'drizzle-orm';
import { defineEvent, defineJob, InvalidMessage, type MessageOf } from '#contracts/messages';
import type { Runtime } from '#kit/core/runtime';
import { openBeanstalkd } from '#kit/messaging/beanstalkd/client';
import { type Aggregate, outboxEntry, writeOutbox } from '#kit/messaging/outbox';
import { trimSent } from '#kit/messaging/outbox-claim';
import { relayOutbox } from '#kit/messaging/outbox-relay';
import { openRabbit } from '#kit/messaging/rabbit/client';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import { PublishRefused, PublishUnavailable } from '#kit/messaging/rabbit/publisher';
import { inbox, outbox } from '#kit/messaging/tables';
import { eventually } from '../../tests/support/eventually';
import {
  amqpUrl,
  beanstalkdAddress,
  testDatabase,
  testRuntime,
  uniqueName,
} from '../../tests/support/servers';
import { createTables } from '../../tests/support/tables';

const consumer = uniqueName('outbox-test');
const tube = uniqueName('outbox-test');
const Counted = defineEvent({
  name: 'thing.counted',
  version: 1,
  exchange: uniqueName('outbox-test'),
  consumers: [consumer],
  data: Type.Object({ thing: Type.String(), number: Type.Integer() }),
});
const Unrouted = defineEvent({
  name: 'thing.unheard',
  version: 1,
  exchange: uniqueName('outbox-test'),
  data: Type.Object({}),
});
const CountLater = defineJob({
  name: 'thing.count',
  version: 1,
  tube,
  publishers: ['outbox-test'],
  ttrSeconds: 5,
  maxAttempts: 3,
  data: Type.Object({ number: Type.Integer() }),
});

let mysql: Awaited<ReturnType<typeof testDatabase>>;
const runtimes: Runtime[] = [];

beforeAll(async () => {
  mysql = await testDatabase();
  await createTables(mysql.database, { outbox, inbox });
});
afterEach(async () => {
  await Promise.all(runtimes.splice(0).map((runtime) => runtime.close()));
  await mysql.database.delete(outbox);
});
afterAll(() => mysql.drop());

describe('the outbox', () => {
  test('delivers to a declared consumer that has never run before', async () => {
    const relay = startRelay();
    await write(counted({ type: 'thing', id: 'early', version: 1 }, 7));
    relay.wake();
    await eventually(async () => (await unsent()) === 0);

    const received = startConsumer('early');
    await eventually(() => received.length === 1);
    expect(received[0]?.data).toEqual({ thing: 'early', number: 7 });
  });

  test('writes nothing when the transaction is rolled back', async () => {
    const rolledBack = mysql.database.transaction(async (transaction) => {
      await writeOutbox(transaction, [counted({ type: 'thing', id: 'never', version: 1 }, 1)]);
      throw new Error('rolled back');
    });
    await expect(rolledBack).rejects.toThrow('rolled back');
    expect(await unsent()).toBe(0);
  });

  test('rejects a message that is too large for any broker', () => {
    const aggregate = { type: 'thing', id: 'big', version: 1 };
    const make = () =>
      outboxEntry(Counted, { thing: 'x'.repeat(1_100_000), number: 1 }, { aggregate, actor: null });
    expect(make).toThrow(InvalidMessage);
  });

  test('preserves the order of each aggregate with two concurrent relays, and sends each row once', async () => {
    const received = startConsumer('ordered');
    const things = 20;
    const each = 25;
    for (let number = 1; number <= each; number++)
      await write(
        ...Array.from({ length: things }, (_, thing) =>
          counted({ type: 'thing', id: `ordered-${thing}`, version: number }, number),
        ),
      );
    const relays = [startRelay(), startRelay()];
    for (const relay of relays) relay.wake();
    await eventually(() => received.length >= things * each);

    const byThing = Map.groupBy(received, (message) => message.data.thing);
    for (const messages of byThing.values())
      expect(messages.map((message) => message.data.number)).toEqual(
        Array.from({ length: each }, (_, index) => index + 1),
      );
    expect(new Set(received.map((message) => message.id)).size).toBe(received.length);
  });

  test('keeps no copy of a confirmed message', async () => {
    await write(
      counted({ type: 'thing', id: 'one', version: 1 }, 1),
      counted({ type: 'thing', id: 'two', version: 1 }, 2),
    );
    const before = await mysql.database.select().from(outbox);
    expect(before.every((row) => row.payload.includes('number'))).toBe(true);

    startRelay().wake();
    await eventually(async () => (await unsent()) === 0);
    const rows = await mysql.database.select().from(outbox).orderBy(outbox.id);
    expect(rows.map((row) => row.payload)).toEqual(['', '']);
  });

  test('leaves a rejected row pending with its error, and holds back only its aggregate', async () => {
    const refused = { type: 'thing', id: 'refused', version: 1 };
    await write(
      counted(refused, 1),
      counted({ ...refused, version: 2 }, 2),
      counted({ type: 'thing', id: 'other', version: 1 }, 3),
    );
    await mysql.database
      .update(outbox)
      .set({
        headers: { exchange: '', routing_key: uniqueName('no-such-queue'), consumers: ['amq.gen-refused'] },
      })
      .where(sql`json_value(${outbox.payload}, '$.data.number') = 1`);
    startRelay().wake();

    await eventually(async () => (await rowsOf('refused'))[0]?.lastError !== null);
    await eventually(async () => (await rowsOf('other'))[0]?.sentAt !== null);
    const [first, second] = await rowsOf('refused');
    expect(first?.lastError).toStartWith('refused: ');
    expect(first?.sentAt).toBeNull();
    expect(first?.attempts).toBeGreaterThan(0);
    expect(second?.sentAt).toBeNull();
    expect(second?.attempts).toBe(0);
  });

  test('sends the rows that were in flight with a refused one, and the refused one once it is accepted', async () => {
    const runtime = makeRuntime();
    const rabbit = openRabbit(runtime, { urls: [amqpUrl()], required: true });
    await eventually(() => rabbit.connected);
    const route = { exchange: Unrouted.exchange, routingKey: Unrouted.routingKey, consumers: [] };
    await rabbit.publish(route, { id: 'a-first-one', body: Buffer.from('{}') });
    const { channel } = await rabbit.openChannel('a test', async () => undefined).opened();
    await channel.deleteExchange(Unrouted.exchange);

    const unheard = { type: 'thing', id: 'unheard', version: 1 };
    const others = Array.from({ length: 10 }, (_, index) => ({
      type: 'thing',
      id: `near-${index}`,
      version: 1,
    }));
    await write(
      ...others.slice(0, 5).map((aggregate) => counted(aggregate, 1)),
      outboxEntry(Unrouted, {}, { aggregate: unheard, actor: null }),
      ...others.slice(5).map((aggregate) => counted(aggregate, 1)),
    );
    relayOutbox(runtime, mysql.database, { rabbit });
    await eventually(async () => (await unsent()) === 0);
    expect((await rowsOf('unheard'))[0]?.attempts).toBe(2);
    for (const { id } of others) expect((await rowsOf(id))[0]?.attempts).toBe(1);
  });

  test('counts refused rows, and an outage of the broker as no attempt', async () => {
    const runtime = makeRuntime();
    const failures: Error[] = [new PublishRefused('no rights'), new PublishUnavailable('away')];
    let connected = true;
    const rabbit = {
      get connected() {
        return connected;
      },
      publish: () => {
        const failure = failures.shift();
        connected = failures.length > 0;
        return Promise.reject(failure);
      },
    };
    await write(
      counted({ type: 'thing', id: 'one', version: 1 }, 1),
      counted({ type: 'thing', id: 'two', version: 1 }, 2),
    );
    relayOutbox(runtime, mysql.database, { rabbit });
    await eventually(async () => (await rowsOf('one'))[0]?.lastError === 'refused: no rights');
    expect((await rowsOf('two'))[0]).toMatchObject({ attempts: 0, lastError: null });
    expect(await runtime.metrics.metrics()).toContain('outbox_refused_rows{destination="rabbitmq"} 1');
  });

  test('sends a confirmed row that could not be marked again, under the same id', async () => {
    const received = startConsumer('twice');
    await mysql.database.execute(sql`
      create trigger cannot_mark before update on outbox for each row
      begin if new.sent_at is not null then signal sqlstate '45000'; end if; end`);
    await write(counted({ type: 'thing', id: 'twice', version: 1 }, 1));
    startRelay();
    await eventually(() => received.length > 0);
    expect(await unsent()).toBe(1);
    await mysql.database.execute(sql`drop trigger cannot_mark`);
    // As after the ten seconds of its claim.
    await mysql.database.update(outbox).set({ availableAt: sql`utc_timestamp(3)` });
    await eventually(async () => (await unsent()) === 0);
    await eventually(() => received.length > 1);
    expect(new Set(received.map((message) => message.id)).size).toBe(1);
  });

  test('sends an event without declared consumers although no queue is bound', async () => {
    const aggregate = { type: 'thing', id: 'unheard', version: 1 };
    await write(outboxEntry(Unrouted, {}, { aggregate, actor: null }));
    startRelay().wake();
    await eventually(async () => (await unsent()) === 0);
  });

  test('puts jobs with their delays', async () => {
    const runtime = makeRuntime();
    const beanstalkd = openBeanstalkd(runtime, { addresses: [beanstalkdAddress()], required: true });
    relayOutbox(runtime, mysql.database, { beanstalkd });
    const job = (delaySeconds: number) =>
      outboxEntry(
        CountLater,
        { number: 1 },
        { aggregate: { type: 'thing', id: 'job', version: 1 }, actor: null, delaySeconds },
      );
    await write(job(0), job(600));
    await eventually(async () => (await unsent()) === 0);
    expect(await beanstalkd.tubeStatistics(tube)).toMatchObject({ ready: 1, delayed: 1 });
  });

  test('exposes the number of unsent rows and the age of the oldest', async () => {
    const runtime = makeRuntime();
    const nowhere = openRabbit(runtime, { urls: ['amqp://127.0.0.1:1'], required: false });
    relayOutbox(runtime, mysql.database, { rabbit: nowhere });
    await write(counted({ type: 'thing', id: 'waiting', version: 1 }, 1));
    await mysql.database.update(outbox).set({ createdAt: sql`utc_timestamp(3) - interval 90 second` });
    const metrics = await runtime.metrics.metrics();
    expect(metrics).toContain('outbox_unsent_rows{destination="rabbitmq"} 1');
    expect(
      Number(/outbox_oldest_unsent_seconds\{[^}]*\} ([0-9.]+)/.exec(metrics)?.[1]),
    ).toBeGreaterThanOrEqual(90);
  });

  test('deletes rows sent long ago, and never an unsent one', async () => {
    await write(...[1, 2, 3].map((number) => counted({ type: 'thing', id: 'old', version: number }, number)));
    await mysql.database.update(outbox).set({
      createdAt: sql`utc_timestamp(3) - interval 30 hour`,
      sentAt: sql`if(json_value(${outbox.payload}, '$.data.number') = 1, utc_timestamp(3) - interval 25 hour,
        if(json_value(${outbox.payload}, '$.data.number') = 2, utc_timestamp(3), null))`,
    });
    await trimSent(mysql.database, 24, new AbortController().signal);
    const left = await mysql.database
      .select({ version: outbox.aggregateVersion })
      .from(outbox)
      .orderBy(outbox.id);
    expect(left.map((row) => row.version)).toEqual([2, 3]);
  });
});

function makeRuntime(): Runtime {
  const runtime = testRuntime('outbox-test');
  runtimes.push(runtime);
  return runtime;
}

function startRelay() {
  const runtime = makeRuntime();
  return relayOutbox(runtime, mysql.database, {
    rabbit: openRabbit(runtime, { urls: [amqpUrl()], required: true }),
  });
}

/** Collects the messages about things with this prefix; earlier tests may have left others. */
function startConsumer(thing: string): MessageOf<typeof Counted>[] {
  const runtime = makeRuntime();
  const received: MessageOf<typeof Counted>[] = [];
  consumeEvents(runtime, openRabbit(runtime, { urls: [amqpUrl()], required: true }), {
    consumer,
    events: [Counted],
    prefetch: 1,
    handle: async (message) => {
      if (message.data.thing.startsWith(thing)) received.push(message);
    },
  });
  return received;
}

const counted = (aggregate: Aggregate, number: number) =>
  outboxEntry(Counted, { thing: aggregate.id, number }, { aggregate, actor: null });

const write = (...entries: Parameters<typeof writeOutbox>[1][number][]) =>
  mysql.database.transaction((transaction) => writeOutbox(transaction, entries));

async function unsent(): Promise<number> {
  const rows = await mysql.database
    .select({ id: outbox.id })
    .from(outbox)
    .where(sql`${outbox.sentAt} is null`);
  return rows.length;
}

const rowsOf = (aggregateId: string) =>
  mysql.database.select().from(outbox).where(eq(outbox.aggregateId, aggregateId)).orderBy(outbox.id);
