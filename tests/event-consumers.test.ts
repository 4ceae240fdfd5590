import { afterAll, expect, test } from 'bun:test';
import { join } from 'node:path';
import type { ConfirmChannel } from 'amqplib';
import type { EventDefinition } from '#contracts/messages';
import type { Rabbit } from '#kit/messaging/rabbit/client';
import type { EventWorker } from '#kit/worker';
import { testRuntime } from './support/servers';

const ROOT = join(import.meta.dir, '..');
const runtime = testRuntime('event-consumers-test');
afterAll(() => runtime.close());

const modulesOf = async (pattern: string): Promise<Record<string, unknown>[]> =>
  Promise.all([...new Bun.Glob(pattern).scanSync(ROOT)].sort().map((file) => import(join(ROOT, file))));

const isEvent = (value: unknown): value is EventDefinition =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'event';

/** `<consumer> <routing key>` for each consumer that an event's contract names. */
async function named(): Promise<string[]> {
  const contracts = await modulesOf('contracts/events/*.ts');
  return contracts
    .flatMap((contract) => Object.values(contract).filter(isEvent))
    .flatMap((event) => event.consumers.map((consumer) => `${consumer} ${event.routingKey}`))
    .sort();
}

/** The same for each binding that a service or worker declares when it starts consuming. */
async function bound(): Promise<string[]> {
  const bindings: string[] = [];
  for (const { subscribe } of await modulesOf('services/*/subscriptions.ts')) {
    if (typeof subscribe !== 'function') throw new Error('subscriptions.ts exports no subscribe');
    const preparing: Promise<unknown>[] = [];
    subscribe({ runtime, database: unusable }, rabbitThatRecords(preparing, bindings));
    await Promise.all(preparing);
  }
  for (const module of await modulesOf('workers/*/index.ts'))
    for (const makeWorker of Object.values(module).filter(isWorkerFactory)) {
      const { source } = makeWorker({ runtime, metrics: runtime.metrics });
      if (!('events' in source)) continue;
      for (const event of source.events) bindings.push(`${source.consumer} ${event.routingKey}`);
    }
  return bindings.sort();
}

/** No handler runs here; what a service does in the background fails, which it logs. */
const unusable = new Proxy(
  {},
  {
    get() {
      throw new Error('There is no database in this test');
    },
  },
);

type AnyWorker = Pick<EventWorker<EventDefinition>, 'source'>;
const isWorkerFactory = (value: unknown): value is (deps: unknown) => AnyWorker =>
  typeof value === 'function' && value.name.endsWith('Worker');

/** Records which queue is bound to which routing key; queues that the contract's own declaration binds do not count. */
function rabbitThatRecords(preparing: Promise<unknown>[], bindings: string[]): Rabbit {
  return {
    connected: false,
    user: 'guest',
    isOwnUser: false,
    publish: async () => undefined,
    openChannel(what, prepare) {
      const consumer = what.replace('RabbitMQ consumer ', '');
      const channel = new Proxy({} as ConfirmChannel, {
        get: (_, method) => async (queue: string, _exchange: string, routingKey: string) => {
          if (method === 'bindQueue' && queue === consumer) bindings.push(`${queue} ${routingKey}`);
          return {};
        },
      });
      preparing.push(prepare(channel));
      return { current: undefined, opened: () => new Promise(() => undefined), close: async () => undefined };
    },
  };
}

test('the consumers that an event names are those that subscribe to it', async () => {
  expect([...new Set(await bound())]).toEqual(await named());
});

test('every service that writes a message to its outbox is a publisher that the contract names', async () => {
  const contracts = await modulesOf('contracts/{events,jobs}/*.ts');
  const publishers = new Map(
    contracts.flatMap((contract) =>
      Object.entries(contract).flatMap(([name, value]) =>
        isMessage(value) ? [[name, value.publishers]] : [],
      ),
    ),
  );
  const written: string[] = [];
  for (const file of new Bun.Glob('services/*/**/*.{ts,tsx}').scanSync(ROOT)) {
    if (file.endsWith('.test.ts')) continue;
    const service = file.split('/')[1] ?? '';
    const text = await Bun.file(join(ROOT, file)).text();
    for (const [, first = ''] of text.matchAll(/\boutboxEntry\(([^,]*),/g))
      for (const [definition] of first.matchAll(/\b[A-Z]\w+\b/g))
        if (publishers.has(definition)) written.push(`${service} ${definition}`);
  }
  expect(written.length).toBeGreaterThan(30);
  const unnamed = written.filter((each) => {
    const [service = '', definition = ''] = each.split(' ');
    return !publishers.get(definition)?.includes(service);
  });
  expect(unnamed).toEqual([]);
});

const isMessage = (value: unknown): value is { publishers: readonly string[] } =>
  typeof value === 'object' && value !== null && 'publishers' in value;
