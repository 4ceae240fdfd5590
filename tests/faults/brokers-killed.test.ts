import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Type } from '@sinclair/typebox';
import { sql } from 'drizzle-orm';
import { defineEvent, defineJob } from '#contracts/messages';
import type { Runtime } from '#kit/core/runtime';
import { openBeanstalkd } from '#kit/messaging/beanstalkd/client';
import { consumeJobs } from '#kit/messaging/beanstalkd/consumer';
import { consumeEventsOnce, onceInTransaction } from '#kit/messaging/inbox';
import { outboxEntry, writeOutbox } from '#kit/messaging/outbox';
import { relayOutbox } from '#kit/messaging/outbox-relay';
import { openRabbit } from '#kit/messaging/rabbit/client';
import { inbox, outbox } from '#kit/messaging/tables';
import type { Transaction } from '#kit/mysql/database';
import { type Stack, startStack } from '../../infra/stack';
import { eventually } from '../support/eventually';
import { testDatabase, testRuntime } from '../support/servers';
import { createTables } from '../support/tables';

const AGGREGATES = 50;
/** `FULL=1`: more of them. */
const EVENTS_EACH = process.env.FULL === '1' ? 50 : 30;
const MESSAGES = AGGREGATES * EVENTS_EACH * 2;
const DEADLINE_MS = 150_000;

const Count = Type.Object({ aggregate: Type.Integer(), number: Type.Integer() });
const Counted = defineEvent({
  name: 'thing.counted',
  version: 1,
  exchange: 'things',
  consumers: ['counter'],
  data: Count,
});
const CountLater = defineJob({
  name: 'thing.count',
  version: 1,
  tube: 'counting',
  publishers: ['relay'],
  ttrSeconds: 5,
  maxAttempts: 100,
  data: Count,
});

const folder = mkdtempSync(join(tmpdir(), 'rookery-brokers-killed-'));
const runtimes: Runtime[] = [];
let stack: Stack;
let mysql: Awaited<ReturnType<typeof testDatabase>>;

beforeAll(async () => {
  const starting = startStack({
    folder,
    profile: 'test',
    portOffset: 4_000,
    only: ['rabbitmq', 'beanstalkd'],
    source: {},
  });
  [stack, mysql] = await Promise.all([starting, testDatabase()]);
  await createTables(mysql.database, { outbox, inbox });
  await mysql.database.execute(sql`
    create table effects (
      sequence int auto_increment primary key, kind varchar(10) not null,
      aggregate int not null, number int not null, index (kind, aggregate, number)
    )`);
}, 120_000);

afterAll(async () => {
  await Promise.all(runtimes.map((runtime) => runtime.close()));
  await stack?.stop();
  await mysql?.drop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

test(
  'every message has its effect once and in order while both brokers are killed repeatedly',
  async () => {
    await writeMessages();
    startConsumers();
    startRelay();
    startRelay();
    await killBrokersOnce(async () => (await sentShare()) > 0.2);
    await killBrokersOnce(async () => (await sentShare()) > 0.6);
    await killBrokersOnce(async () => (await effects()).length > MESSAGES / 2);
    await eventually(async () => (await effects()).length >= MESSAGES, DEADLINE_MS);

    const applied = await effects();
    expect(await sentShare()).toBe(1);
    expect(applied).toHaveLength(MESSAGES);
    const inOrder = Array.from({ length: EVENTS_EACH }, (_, index) => index + 1);
    const numbers = Map.groupBy(applied, (effect) => `${effect.kind} ${effect.aggregate}`);
    expect(numbers.size).toBe(AGGREGATES * 2);
    for (const one of numbers.values()) expect(one.map((effect) => effect.number)).toEqual(inOrder);
  },
  2 * DEADLINE_MS,
);

async function killBrokersOnce(reached: () => Promise<boolean>) {
  const brokers = [stack.server('rabbitmq'), stack.server('beanstalkd')];
  await eventually(reached, DEADLINE_MS);
  await Promise.all(brokers.map((broker) => broker.kill('SIGKILL')));
  expect((await effects()).length).toBeLessThan(MESSAGES);
  await Promise.all(brokers.map((broker) => broker.restart()));
}

async function writeMessages() {
  for (let number = 1; number <= EVENTS_EACH; number++)
    await mysql.database.transaction((transaction) =>
      writeOutbox(
        transaction,
        Array.from({ length: AGGREGATES }, (_, index) => {
          const options = { aggregate: { type: 'thing', id: String(index), version: number }, actor: null };
          const data = { aggregate: index, number };
          return [outboxEntry(Counted, data, options), outboxEntry(CountLater, data, options)];
        }).flat(),
      ),
    );
}

function makeRuntime(name: string): Runtime {
  const runtime = testRuntime(name);
  runtimes.push(runtime);
  return runtime;
}

function openBrokers(runtime: Runtime) {
  const { AMQP_URL = '', BEANSTALKD_HOST = '', BEANSTALKD_PORT } = stack.environment;
  return {
    rabbit: openRabbit(runtime, { urls: [AMQP_URL], required: true }),
    beanstalkd: openBeanstalkd(runtime, {
      addresses: [{ host: BEANSTALKD_HOST, port: Number(BEANSTALKD_PORT) }],
      required: true,
    }),
  };
}

function startRelay() {
  const runtime = makeRuntime('relay');
  relayOutbox(runtime, mysql.database, openBrokers(runtime));
}

/** Prefetch 1, so that the effects show the order of delivery. */
function startConsumers() {
  const runtime = makeRuntime('consumer');
  const brokers = openBrokers(runtime);
  consumeEventsOnce(runtime, brokers.rabbit, mysql.database, {
    consumer: 'counter',
    events: [Counted],
    prefetch: 1,
    handle: (message, transaction) => recordEffect(transaction, 'event', message.data),
  });
  consumeJobs(runtime, brokers.beanstalkd, {
    jobs: [CountLater],
    concurrency: 1,
    handle: async (message) => {
      await onceInTransaction(mysql.database, 'counting', message.id, (transaction) =>
        recordEffect(transaction, 'job', message.data),
      );
    },
  });
}

async function recordEffect(
  transaction: Transaction,
  kind: string,
  data: { aggregate: number; number: number },
) {
  await transaction.execute(
    sql`insert into effects (kind, aggregate, number) values (${kind}, ${data.aggregate}, ${data.number})`,
  );
}

/** The share of sent messages, for the slower destination. */
async function sentShare(): Promise<number> {
  const sent = (destination: string) =>
    mysql.database.$count(
      outbox,
      sql`${outbox.sentAt} is not null and ${outbox.destination} = ${destination}`,
    );
  return Math.min(await sent('rabbitmq'), await sent('beanstalkd')) / (MESSAGES / 2);
}

async function effects(): Promise<{ kind: string; aggregate: number; number: number }[]> {
  return mysql.database
    .select({
      kind: sql<string>`kind`,
      aggregate: sql<number>`aggregate`,
      number: sql<number>`number`,
    })
    .from(sql`effects`)
    .orderBy(sql`sequence`);
}
