import { afterEach, expect, test } from 'bun:test';
import { Type } from '@sinclair/typebox';
import { connect, type GetMessage } from 'amqplib';
import { defineEvent, envelope, Uuid } from '#contracts/messages';
import type { Runtime } from '#kit/core/runtime';
import { eventually } from '../../../tests/support/eventually';
import { amqpUrl, testRuntime, uniqueName } from '../../../tests/support/servers';
import { PermanentError } from '../delivery';
import { openRabbit, type Rabbit } from './client';
import { consumeEvents } from './consumer';
import { parkedQueue } from './topology';

const runtimes: Runtime[] = [];
afterEach(async () => {
  await Promise.all(runtimes.splice(0).map((runtime) => runtime.close()));
});

/** Searches go on for 21 s, so that a test that waits for the next one need not be quick. */
const PACE = { retryDelaysMs: [50, 1_000], maxAttempts: 20 };

function setUp(options: { keepsParked?: boolean; failing?: (rabbit: Rabbit) => Rabbit } = {}) {
  const consumer = uniqueName('erasure-test');
  const route = { version: 1, exchange: uniqueName('erasure-test'), consumers: [consumer] };
  const events = {
    deleted: defineEvent({ ...route, name: 'user.deleted', data: Type.Object({ id: Uuid }) }),
    named: defineEvent({
      ...{ ...route, name: 'person.named', personal: true },
      data: Type.Object({ id: Uuid, words: Type.String() }),
    }),
    linked: defineEvent({ ...route, name: 'person.linked', data: Type.Object({ id: Uuid }) }),
  };
  const runtime = testRuntime('erasure-test');
  runtimes.push(runtime);
  const rabbit = openRabbit(runtime, { urls: [amqpUrl()], required: true });
  const handled: string[] = [];
  const start = () =>
    consumeEvents(runtime, options.failing?.(rabbit) ?? rabbit, {
      ...PACE,
      consumer,
      events: Object.values(events),
      prefetch: 5,
      keepsParked: options.keepsParked ?? false,
      async handle(message) {
        if (message.name !== 'user.deleted') throw new PermanentError('refused');
        handled.push(message.data.id);
      },
    });
  async function publish(route: (typeof events)[keyof typeof events], message: { id: string }) {
    await eventually(() => rabbit.connected);
    await rabbit.publish(route, { id: message.id, body: Buffer.from(JSON.stringify(message)) });
    return message.id;
  }
  const context = { requestId: 'request-1', actor: null };
  const named = (id: string) => envelope(events.named, { id, words: 'the words' }, context);
  return {
    ...{ consumer, events, handled, start, publish, named },
    park: (id: string) => publish(events.named, named(id)),
    link: (id: string) => publish(events.linked, envelope(events.linked, { id }, context)),
    erase: (id: string) => publish(events.deleted, envelope(events.deleted, { id }, context)),
  };
}

/** The parked messages once they are so many, or these: a search holds one at a time. */
async function parkedOf(consumer: string, expected: number | readonly string[]): Promise<GetMessage[]> {
  const count = typeof expected === 'number' ? expected : expected.length;
  const connection = await connect(amqpUrl());
  try {
    return await eventually(async () => {
      const channel = await connection.createChannel();
      try {
        const { messageCount } = await channel.checkQueue(parkedQueue(consumer));
        expect(messageCount).toBe(count);
        const found: GetMessage[] = [];
        for (;;) {
          const message = await channel.get(parkedQueue(consumer));
          if (message === false) break;
          found.push(message);
        }
        expect(found).toHaveLength(count);
        const ids = found.map(({ properties }) => String(properties.messageId));
        if (typeof expected !== 'number') expect(ids.toSorted()).toEqual(expected.toSorted());
        return found;
      } finally {
        // What was read returns to its place.
        await channel.close();
      }
    });
  } finally {
    await connection.close();
  }
}

test('what is parked with words of an erased person is removed, and nothing else', async () => {
  const { consumer, events, handled, start, publish, ...at } = setUp();
  start();
  const [person, other] = [Bun.randomUUIDv7(), Bun.randomUUIDv7()];
  await at.park(person);
  const kept = [await at.park(other), await at.link(person)];
  // Nobody can tell what is in a message of an event that is not known, or of another shape.
  await publish(events.linked, { ...at.named(person), name: 'person.renamed' } as { id: string });
  await publish(events.named, { id: Bun.randomUUIDv7(), ...{ name: 'person.named', about: person } });
  await parkedOf(consumer, 5);
  await at.erase(person);
  const left = await parkedOf(consumer, kept);
  for (const { properties } of left)
    expect(properties.headers).toMatchObject({
      'x-parked-reason': 'PermanentError: refused',
      'x-parked-at': expect.any(String),
      'x-attempts-made': 1,
    });
  expect(handled).toEqual([person]);
});

test('what is parked after the erasure is removed by a later search, without another erasure', async () => {
  const { consumer, handled, start, ...at } = setUp();
  start();
  const person = Bun.randomUUIDv7();
  await at.park(person);
  await parkedOf(consumer, 1);
  await at.erase(person);
  await parkedOf(consumer, 0);
  const late = await connect(amqpUrl());
  const channel = await late.createConfirmChannel();
  channel.sendToQueue(parkedQueue(consumer), Buffer.from(JSON.stringify(at.named(person))));
  await channel.waitForConfirms();
  await late.close();
  await parkedOf(consumer, 0);
  expect(handled).toEqual([person]);
});

test('a search that is cut off loses nothing, and is made again', async () => {
  let cut = 0;
  const failing = (rabbit: Rabbit): Rabbit => ({
    ...rabbit,
    connected: rabbit.connected,
    openChannel: (what, prepare) =>
      rabbit.openChannel(what, async (channel) => {
        if (what.startsWith('RabbitMQ erasure') && cut++ === 0)
          channel.publish = () => {
            throw new Error('cut off');
          };
        return prepare(channel);
      }),
  });
  const { consumer, start, ...at } = setUp({ failing });
  start();
  const [person, other] = [Bun.randomUUIDv7(), Bun.randomUUIDv7()];
  const kept = await at.park(other);
  await at.park(person);
  await parkedOf(consumer, 2);
  await at.erase(person);
  await parkedOf(consumer, [kept]);
  expect(cut).toBeGreaterThan(1);
});

test('a consumer may have to keep what it has parked', async () => {
  const { consumer, handled, start, ...at } = setUp({ keepsParked: true });
  start();
  const person = Bun.randomUUIDv7();
  const kept = await at.park(person);
  await parkedOf(consumer, 1);
  await at.erase(person);
  await eventually(() => expect(handled).toEqual([person]));
  await parkedOf(consumer, [kept]);
});
