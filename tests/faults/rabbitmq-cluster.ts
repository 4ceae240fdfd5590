import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Type } from '@sinclair/typebox';
import { defineEvent, envelope } from '#contracts/messages';
import type { Runtime } from '#kit/core/runtime';
import { openRabbit } from '#kit/messaging/rabbit/client';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import { type ClusterStack, startCluster } from '../../infra/cluster/start';
import { untilBrokersAccept } from '../cluster/members';
import { eventually } from '../support/eventually';
import { testRuntime, uniqueName } from '../support/servers';

/**
 * Three real nodes of RabbitMQ, which take minutes and 500 MB: not part of the tests that always run. To run it:
 * `MESSAGES=20000 bun test --timeout=900000 ./tests/faults/rabbitmq-cluster.ts`
 */
const MESSAGES = Number(process.env.MESSAGES ?? 10_000);
const PUBLISHERS = 20;
const RECOVERY_MS = 120_000;

const runtimes: Runtime[] = [];
const NODES = ['rabbitmq-1', 'rabbitmq-2', 'rabbitmq-3'];
const folder = mkdtempSync(join(tmpdir(), 'rookery-rabbitmq-cluster-'));
let cluster: ClusterStack;

beforeAll(async () => {
  const only = ['rabbitmq'];
  cluster = await startCluster({ folder, profile: 'test', portOffset: 12_400, only, source: {} });
}, 400_000);
afterAll(async () => {
  await Promise.all(runtimes.map((runtime) => runtime.close()));
  await cluster?.stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

const urls = () => (cluster.environment.AMQP_URL ?? '').split(',');

test('no confirmed event is lost while the node that is used is killed, and hangs, again and again', async () => {
  const event = defineThing();
  const received = new Map<number, number>();
  for (let index = 0; index < 2; index++) consume(event, received);
  const publisher = open();
  const confirmed = new Set<number>();
  let next = 0;
  let isDisturbing = true;

  async function publish() {
    while (isDisturbing || next < MESSAGES) {
      const number = next++;
      const message = envelope(event, { number }, { requestId: 'request-1', actor: null });
      const body = Buffer.from(JSON.stringify(message));
      await eventually(() => publisher.rabbit.publish(event, { id: message.id, body }), RECOVERY_MS);
      confirmed.add(number);
    }
  }
  async function disturb() {
    for (let round = 0; round < NODES.length; round++) {
      await more(confirmed, MESSAGES / 10);
      let node = await nodeOf(publisher.runtime);
      await cluster.server(node).kill('SIGKILL');
      await report('killed', node, confirmed, received);
      await more(confirmed, MESSAGES / 20);
      await bringBack(node);
      node = await nodeOf(publisher.runtime);
      stop(node);
      await report('stopped', node, confirmed, received);
      await more(confirmed, MESSAGES / 20);
      // A node that was suspended goes on alone when it is resumed, until it is restarted (RabbitMQ, Partitions: suspend and resume).
      await cluster.server(node).kill('SIGKILL');
      await bringBack(node);
    }
    isDisturbing = false;
  }

  await Promise.all([disturb(), ...Array.from({ length: PUBLISHERS }, publish)]);
  await eventually(
    () => expect([...confirmed].filter((number) => !received.has(number)).length).toBe(0),
    RECOVERY_MS,
  );
  const deliveries = [...received.values()].reduce((sum, times) => sum + times, 0);
  console.log(`${confirmed.size} confirmed, none lost, ${deliveries - received.size} delivered again`);
});

test('queues are declared and used while a node is away', async () => {
  await cluster.server('rabbitmq-1').kill('SIGKILL');
  const event = defineThing();
  const received = new Map<number, number>();
  consume(event, received);
  const publisher = open();
  await eventually(async () => {
    const message = envelope(event, { number: 1 }, { requestId: 'request-1', actor: null });
    await publisher.rabbit.publish(event, { id: message.id, body: Buffer.from(JSON.stringify(message)) });
  }, RECOVERY_MS);
  await eventually(() => received.has(1), RECOVERY_MS);
  await bringBack('rabbitmq-1');
});

const defineThing = () =>
  defineEvent({
    name: 'thing.happened',
    version: 1,
    exchange: uniqueName('cluster-test'),
    consumers: [uniqueName('cluster-test')],
    data: Type.Object({ number: Type.Integer() }),
  });

function open() {
  const runtime = testRuntime('cluster-test');
  runtimes.push(runtime);
  const rabbit = openRabbit(runtime, { urls: urls(), required: true });
  return { runtime, rabbit };
}

/** The name of the node that a process is connected to. */
async function nodeOf(runtime: Runtime): Promise<string> {
  const connected = /^broker_connected\{broker="rabbitmq",server="(.+)"\} 1$/m;
  return eventually(async () => {
    const [, server] = connected.exec(await runtime.metrics.metrics()) ?? [];
    const node = NODES[urls().findIndex((url) => new URL(url).host === server)];
    if (node === undefined) throw new Error('It is connected to no node');
    return node;
  }, RECOVERY_MS);
}

/** @param received how often each number has arrived */
function consume(event: ReturnType<typeof defineThing>, received: Map<number, number>): void {
  const { runtime, rabbit } = open();
  consumeEvents(runtime, rabbit, {
    consumer: event.consumers[0] ?? '',
    events: [event],
    prefetch: 50,
    handle: async ({ data }) => void received.set(data.number, (received.get(data.number) ?? 0) + 1),
  });
}

/** Suspends a node (SIGSTOP): its connections stay open, and nothing answers. */
function stop(node: string): void {
  const pid = cluster.server(node).pid();
  if (pid === undefined) throw new Error(`${node} does not run`);
  process.kill(pid, 'SIGSTOP');
}

/** Restarts a node, and waits until all are members. */
async function bringBack(node: string): Promise<void> {
  await cluster.server(node).restart();
  await untilBrokersAccept(urls());
}

async function more(set: { readonly size: number }, count: number): Promise<void> {
  const reached = set.size;
  await eventually(() => set.size >= reached + count, RECOVERY_MS);
}

/** Prints the longest time without a confirmation, and without a delivery, in the time after a disturbance. */
async function report(
  what: string,
  node: string,
  confirmed: { readonly size: number },
  received: { readonly size: number },
): Promise<void> {
  const gaps = await Promise.all([confirmed, received].map(longestGap));
  const [confirmations, deliveries] = gaps.map((ms) => `${(ms / 1000).toFixed(1)} s`);
  console.log(`${node} ${what}: no confirmation for ${confirmations}, no delivery for ${deliveries}`);
}

async function longestGap(set: { readonly size: number }): Promise<number> {
  const until = performance.now() + 15_000;
  let last = performance.now();
  let size = set.size;
  let longest = 0;
  while (last < until) {
    await Bun.sleep(20);
    if (set.size === size) continue;
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
    size = set.size;
  }
  return longest;
}
