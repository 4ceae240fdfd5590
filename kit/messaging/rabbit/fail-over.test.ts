import { afterAll, afterEach, expect, test } from 'bun:test';
import { Type } from '@sinclair/typebox';
import { connect } from 'amqplib';
import fc from 'fast-check';
import { defineEvent, envelope } from '#contracts/messages';
import { readiness } from '#kit/core/readiness';
import type { Runtime } from '#kit/core/runtime';
import { openRabbit, type Rabbit } from '#kit/messaging/rabbit/client';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import { PublishUnavailable } from '#kit/messaging/rabbit/publisher';
import { eventually } from '../../../tests/support/eventually';
import { type FaultProxy, startFaultProxy } from '../../../tests/support/fault-proxy';
import { amqpUrl, testRuntime, uniqueName } from '../../../tests/support/servers';
import { nodeOrder } from './connection';

const runtimes: Runtime[] = [];
const proxies: FaultProxy[] = [];
afterEach(async () => {
  await Promise.all(runtimes.splice(0).map((runtime) => runtime.close()));
});
afterAll(() => {
  for (const proxy of proxies) proxy.stop();
});

test('publishers and consumers move to another node when theirs falls silent or dies, and lose nothing', async () => {
  const [one, other] = [await startNode(), await startNode()];
  // Both processes connect to the first.
  other.inject({ kind: 'reset' });
  const event = defineThing();
  const consumer = open([one, other], { heartbeat: 1 });
  const received = new Set<number>();
  consumeEvents(consumer.runtime, consumer.rabbit, {
    consumer: event.consumers[0] ?? '',
    events: [event],
    prefetch: 5,
    handle: async ({ data }) => void received.add(data.number),
  });
  const publisher = open([one, other], { heartbeat: 1 });
  const stream = publishUntilStopped(publisher.rabbit, event);
  await stream.more(20);
  const areAt = (node: FaultProxy) =>
    eventually(async () =>
      expect([await nodeOf(publisher.runtime), await nodeOf(consumer.runtime)]).toEqual([
        node.port,
        node.port,
      ]),
    );
  await areAt(one);

  other.inject(null);
  one.inject({ kind: 'half-open' });
  await stream.more(20);
  await areAt(other);

  one.inject(null);
  other.stop();
  await stream.more(20);
  const confirmed = await stream.stop();
  await eventually(() => expect(confirmed.filter((number) => !received.has(number))).toEqual([]));
  await areAt(one);
});

test('a node that confirms nothing is left, although its heart beats', async () => {
  const [one, other] = [await startNode(), await startNode()];
  other.inject({ kind: 'reset' });
  const { runtime, rabbit } = open([one, other], { heartbeat: 600, timeoutMs: 300 });
  const event = defineThing();
  await eventually(() => publish(rabbit, event, 1));
  other.inject(null);
  one.inject({ kind: 'half-open' });
  await expect(publish(rabbit, event, 2)).rejects.toThrow('no confirmation');
  await eventually(() => publish(rabbit, event, 2));
  await eventually(async () => (await nodeOf(runtime)) === other.port);
});

test('a node that opens no channel is left, although its heart beats', async () => {
  const [one, other] = [await startNode(), await startNode()];
  other.inject({ kind: 'reset' });
  const { runtime, rabbit } = open([one, other], { heartbeat: 600, timeoutMs: 300 });
  await eventually(async () => rabbit.connected && (await nodeOf(runtime)) === one.port);
  other.inject(null);
  one.inject({ kind: 'half-open' });
  const channel = rabbit.openChannel('test', async (opened) => opened.assertQueue('', { exclusive: true }));
  await eventually(async () => channel.current !== undefined && (await nodeOf(runtime)) === other.port);
  await channel.close();
});

test('nodes that failed lately are tried last, in the order they failed, and the others in random order', () => {
  const NOW = 1_000_000;
  const failures = fc.uniqueArray(fc.integer({ min: NOW - 50_000, max: NOW }), { maxLength: 4 });
  fc.assert(
    fc.property(fc.uniqueArray(fc.uuid(), { minLength: 4, maxLength: 6 }), failures, (nodes, times) => {
      const failedAt = new Map(times.map((time, index) => [nodes[index] ?? '', time]));
      const order = nodeOrder(nodes, failedAt, NOW);
      expect(order.toSorted()).toEqual(nodes.toSorted());
      const failed = order.slice(nodes.length - times.length).map((node) => failedAt.get(node));
      expect(failed).toEqual(times.toSorted((one, other) => one - other));
    }),
  );
  // The failure of `c` is forgotten.
  const failedAt = new Map([
    ['c', NOW - 60_000],
    ['d', NOW - 59_999],
  ]);
  const orders = Array.from({ length: 200 }, () => nodeOrder(['a', 'b', 'c', 'd'], failedAt, NOW));
  expect(new Set(orders.map(([first]) => first))).toEqual(new Set(['a', 'b', 'c']));
});

test('a node that cannot be connected to is passed over', async () => {
  const [dead, silent, alive] = [await startNode(), await startNode(), await startNode()];
  dead.stop();
  silent.inject({ kind: 'reset' });
  const { runtime, rabbit } = open([dead, silent, alive]);
  await eventually(() => rabbit.connected);
  expect(await nodeOf(runtime)).toBe(alive.port);
});

test('a message that the broker nacks is published again on another channel', async () => {
  const event = { ...defineThing(), consumers: [] };
  const node = await startNode();
  const { rabbit } = open([node]);
  await eventually(() => publish(rabbit, event, 1));
  const operator = await connect(amqpUrl());
  const channel = await operator.createChannel();
  const queue = uniqueName('full');
  const limits = { 'x-max-length': 1, 'x-overflow': 'reject-publish' };
  await channel.assertQueue(queue, { exclusive: true, arguments: limits });
  await channel.bindQueue(queue, event.exchange, '#');
  await publish(rabbit, event, 2);
  // Long enough to be seen while no channel is open.
  node.inject({ kind: 'delay', ms: 200 });
  await expect(publish(rabbit, event, 3)).rejects.toThrow('nack');
  await eventually(() => !rabbit.connected);
  node.inject(null);
  await channel.purgeQueue(queue);
  await eventually(() => publish(rabbit, event, 3));
  await operator.close();
});

test('nothing is published while the broker blocks publishers, which is no failure of a message', async () => {
  const node = await startNode();
  const { runtime, rabbit } = open([node]);
  const event = defineThing();
  await eventually(() => rabbit.connected);
  await publish(rabbit, event, 1);

  node.send(methodFrame(BLOCKED, Buffer.from('\x0alow memory', 'latin1')));
  await eventually(() => !rabbit.connected);
  await expect(publish(rabbit, event, 2)).rejects.toBeInstanceOf(PublishUnavailable);
  expect((await readiness(runtime)).dependencies.rabbitmq).toMatchObject({
    status: 'down',
    detail: 'RabbitMQ is short of memory or disk space.',
  });
  expect(await runtime.metrics.metrics()).toMatch(/^broker_blocked\{broker="rabbitmq"\} 1$/m);

  node.send(methodFrame(UNBLOCKED, Buffer.alloc(0)));
  await eventually(() => rabbit.connected);
  await publish(rabbit, event, 3);
});

/** AMQP 0-9-1 with RabbitMQ's extension `connection.blocked`: methods of class 10. */
const CONNECTION = 10;
const BLOCKED = 60;
const UNBLOCKED = 61;

/** A method on channel 0: type, channel, size, class, method, arguments, end of the frame (AMQP 0-9-1, 2.3.5). */
function methodFrame(method: number, methodArguments: Buffer): Buffer {
  const head = Buffer.alloc(11);
  head.writeUInt8(1, 0);
  head.writeUInt32BE(methodArguments.length + 4, 3);
  head.writeUInt16BE(CONNECTION, 7);
  head.writeUInt16BE(method, 9);
  return Buffer.concat([head, methodArguments, Buffer.from([0xce])]);
}

/** An address of the broker that can die and hang. It counts the connections, which begin with this. */
async function startNode(): Promise<FaultProxy> {
  const proxy = await startFaultProxy(Number(new URL(amqpUrl()).port), 'AMQP');
  proxies.push(proxy);
  return proxy;
}

/** @param options.heartbeat seconds: silence is detected after two to three times as long */
function open(nodes: readonly FaultProxy[], options: { heartbeat?: number; timeoutMs?: number } = {}) {
  const { heartbeat = 60, timeoutMs } = options;
  const runtime = testRuntime('fail-over-test');
  runtimes.push(runtime);
  const urls = nodes.map(({ port }) => {
    const url = new URL(amqpUrl());
    url.port = String(port);
    url.searchParams.set('heartbeat', String(heartbeat));
    return url.href;
  });
  const rabbit = openRabbit(runtime, {
    ...{ urls, required: true },
    ...(timeoutMs !== undefined && { timeoutMs }),
  });
  return { runtime, rabbit };
}

/** The port of the node that a process is connected to. */
async function nodeOf(runtime: Runtime): Promise<number | undefined> {
  const pattern = /^broker_connected\{broker="rabbitmq",server="127\.0\.0\.1:(\d+)"\} 1$/m;
  const [, port] = pattern.exec(await runtime.metrics.metrics()) ?? [];
  return port === undefined ? undefined : Number(port);
}

const defineThing = () =>
  defineEvent({
    name: 'thing.happened',
    version: 1,
    exchange: uniqueName('fail-over-test'),
    consumers: [uniqueName('fail-over-test')],
    data: Type.Object({ number: Type.Integer() }),
  });
type Thing = ReturnType<typeof defineThing>;

function publish(rabbit: Rabbit, event: Thing, number: number): Promise<void> {
  const message = envelope(event, { number }, { requestId: 'request-1', actor: null });
  return rabbit.publish(event, { id: message.id, body: Buffer.from(JSON.stringify(message)) });
}

/** Publishes one message after the other, each until it is confirmed, as an outbox does. */
function publishUntilStopped(rabbit: Rabbit, event: Thing) {
  const confirmed: number[] = [];
  let isStopped = false;
  async function run() {
    for (let number = 1; !isStopped; number++) {
      await eventually(() => publish(rabbit, event, number));
      confirmed.push(number);
      await Bun.sleep(2);
    }
  }
  const running = run();
  return {
    async more(count: number) {
      const reached = confirmed.length;
      await eventually(() => confirmed.length >= reached + count);
    },
    async stop() {
      isStopped = true;
      await running;
      return confirmed;
    },
  };
}
