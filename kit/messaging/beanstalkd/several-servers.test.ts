import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test';
import { Type } from '@sinclair/typebox';
import { defineJob, envelope, type MessageOf } from '#contracts/messages';
import { readiness } from '#kit/core/readiness';
import type { Runtime } from '#kit/core/runtime';
import { openBeanstalkd } from '#kit/messaging/beanstalkd/client';
import { connectBeanstalkd } from '#kit/messaging/beanstalkd/connection';
import { consumeJobs } from '#kit/messaging/beanstalkd/consumer';
import { PermanentError } from '#kit/messaging/delivery';
import { probeTcp } from '../../../infra/probes';
import { listParkedJobs, replayJobs } from '../../../scripts/parked/beanstalkd';
import { startBeanstalkds, type TestBeanstalkd } from '../../../tests/support/beanstalkds';
import { eventually } from '../../../tests/support/eventually';
import { testRuntime, uniqueName } from '../../../tests/support/servers';
import { rankServers } from './rendezvous';

const runtimes: Runtime[] = [];
let started: Awaited<ReturnType<typeof startBeanstalkds>>;

beforeAll(async () => {
  started = await startBeanstalkds(3);
});
afterEach(async () => {
  await Promise.all(runtimes.splice(0).map((runtime) => runtime.close()));
});
afterAll(() => started.stop());

test('a job goes to its first choice, to the next while that is away, and to the first again', async () => {
  const { job, client, put } = await setUp();
  const [first, second] = choicesOf(client, 'a job');
  await put('a job', 1);
  expect(await readyAt(job.tube)).toEqual(new Map([[first.name, 1]]));
  await first.kill();
  // Also while the client has not noticed yet.
  await put('a job', 2);
  expect(await readyAt(job.tube)).toEqual(new Map([[second.name, 1]]));
  await first.start();
  await eventually(() => client.servers.every(({ connected }) => connected));
  await put('a job', 3);
  expect(await readyAt(job.tube)).toEqual(
    new Map([
      [first.name, 2],
      [second.name, 1],
    ]),
  );
  // The one in the binlog as well.
  const { handled } = consume(job);
  await eventually(() => new Set(handled).size === 3);
});

test('a server that hangs holds a job back for a bounded time, and is named', async () => {
  const { job, client, put, runtime } = await setUp(500);
  const [first, ...others] = choicesOf(client, 'a job');
  first.signal('SIGSTOP');
  try {
    await eventually(() => put('a job', 1));
    const place = client.servers.findIndex(({ name }) => name === first.name) + 1;
    await eventually(async () => {
      expect((await readyAt(job.tube, others)).size).toBeGreaterThan(0);
      expect(await readiness(runtime)).toMatchObject({
        ready: true,
        dependencies: {
          beanstalkd: {
            status: 'up',
            detail: `unavailable: number ${place} of the 3 servers in BEANSTALKD_HOST`,
          },
        },
      });
      const metrics = await runtime.metrics.metrics();
      for (const { name } of started.servers)
        expect(metrics).toContain(
          `broker_connected{broker="beanstalkd",server="${name}"} ${name === first.name ? 0 : 1}`,
        );
    });
    const { handled } = consume(job);
    await eventually(() => handled.includes(1));
  } finally {
    first.signal('SIGCONT');
  }
  await eventually(() => client.servers.every(({ connected }) => connected));
});

test('a server that drains accepts no jobs, and the others do', async () => {
  const { job, client, put } = await setUp();
  const [first, second] = choicesOf(client, 'a job');
  first.signal('SIGUSR1');
  try {
    // The signal is handled between two commands.
    await eventually(async () => {
      await put('a job', 1);
      return (await readyAt(job.tube)).has(second.name);
    });
  } finally {
    await first.kill();
    await first.start();
  }
});

test('a process is ready while any server is, and puts are outages when none is', async () => {
  const nowhere = [1, 2].map((port) => ({ host: '127.0.0.1', port }));
  const runtime = makeRuntime();
  const client = openBeanstalkd(runtime, { addresses: nowhere, required: true });
  const putting = client.put('any', Buffer.from('{}'), { id: 'a job', ...OPTIONS });
  await expect(putting).rejects.toMatchObject({ name: 'BeanstalkdError', word: undefined });
  expect(await readiness(runtime)).toMatchObject({
    ready: false,
    dependencies: { beanstalkd: { status: 'down' } },
  });
});

test('one slot handles one job at a time, of every server in turn', async () => {
  const { job, client, put } = await setUp();
  const ids = Array.from({ length: 60 }, (_, id) => `job ${id}`);
  await Promise.all(ids.map((id, number) => put(id, number)));
  expect((await readyAt(job.tube)).size).toBe(3);
  const order: string[] = [];
  let running = 0;
  let most = 0;
  const { handled } = consume(job, async ({ data }) => {
    most = Math.max(most, ++running);
    if (order.length === 0) await eventually(() => isWatchedEverywhere(job.tube));
    order.push(choicesOf(client, ids[data.number] ?? '')[0].name);
    running--;
  });
  await eventually(() => handled.length === ids.length);
  expect(most).toBe(1);
  // No server waits until another is empty.
  expect(new Set(order.slice(0, 12)).size).toBe(3);
  expect(new Set(handled).size).toBe(ids.length);
});

test('parked jobs of all servers are listed and replayed, and a server that is away is named', async () => {
  const { job, client, put } = await setUp();
  const ids = started.servers.map(({ name }) => idFor(client, name));
  let isFailing = true;
  const { handled } = consume(job, async () => {
    if (isFailing) throw new PermanentError('the handler is failing');
  });
  await Promise.all(ids.map((id, number) => put(id, number)));
  const addresses = started.servers.map(({ address }) => address);
  await eventually(async () => {
    const { results } = await listParkedJobs(addresses, [job.tube]);
    expect(results).toMatchObject([{ name: job.tube, count: 3 }]);
    expect(results[0]?.shown).toHaveLength(3);
  });
  isFailing = false;
  const [away] = started.servers;
  await away?.kill();
  expect(await listParkedJobs(addresses, [job.tube])).toMatchObject({
    results: [{ count: 2 }],
    unavailable: [away?.name],
  });
  expect(await replayJobs(addresses, job)).toEqual({ results: [1, 1], unavailable: [away?.name ?? ''] });
  await away?.start();
  expect((await replayJobs(addresses, job)).unavailable).toEqual([]);
  await eventually(() => new Set(handled).size === 3);
});

test('every job that was acknowledged is handled, while servers are killed amid puts and reserves', async () => {
  const { job, client, put } = await setUp();
  const consumers = [1, 2].map(() => consume(job, undefined, 4));
  const acknowledged = new Set<number>();
  let next = 0;
  let isKilling = true;
  async function publish() {
    while (isKilling) {
      const number = next++;
      await put(`job ${number}`, number).then(
        () => acknowledged.add(number),
        // Not acknowledged: its publisher would put it again.
        () => undefined,
      );
      await Bun.sleep(2);
    }
  }
  async function morePuts(count: number) {
    const reached = acknowledged.size;
    await eventually(() => acknowledged.size >= reached + count);
  }
  async function killEach() {
    for (const server of started.servers) {
      await morePuts(50);
      await server.kill();
      await morePuts(50);
      await server.start();
      await eventually(() => client.servers.every(({ connected }) => connected));
    }
    isKilling = false;
  }
  await Promise.all([killEach(), ...Array.from({ length: 8 }, publish)]);
  await eventually(() => {
    const handled = new Set(consumers.flatMap((consumer) => consumer.handled));
    expect([...acknowledged].filter((number) => !handled.has(number))).toEqual([]);
  });
});

const OPTIONS = { priority: 1, delaySeconds: 0, ttrSeconds: 5 };

function makeRuntime(): Runtime {
  const runtime = testRuntime('jobs-test');
  runtimes.push(runtime);
  return runtime;
}

/** Generous by default: on a slow machine no server counts as one that hangs. */
function open(runtime: Runtime, failOverMs = 20_000) {
  const addresses = started.servers.map(({ address }) => address);
  return openBeanstalkd(runtime, { addresses, required: true, failOverMs });
}

async function setUp(failOverMs?: number) {
  const job = defineJob({
    name: 'thing.count',
    version: 1,
    tube: uniqueName('several-test'),
    publishers: ['jobs-test'],
    ttrSeconds: OPTIONS.ttrSeconds,
    maxAttempts: 50,
    data: Type.Object({ number: Type.Integer() }),
  });
  const runtime = makeRuntime();
  const client = open(runtime, failOverMs);
  await eventually(() => client.servers.every(({ connected }) => connected));
  const put = (id: string, number: number) => {
    const message = envelope(job, { number }, { requestId: 'request-1', actor: null });
    return client.put(job.tube, Buffer.from(JSON.stringify(message)), { id, ...OPTIONS });
  };
  return { job, client, put, runtime };
}

type Count = Awaited<ReturnType<typeof setUp>>['job'];

function consume(
  job: Count,
  handle: (message: MessageOf<Count>) => Promise<void> = async () => undefined,
  concurrency = 1,
) {
  const handled: number[] = [];
  const runtime = makeRuntime();
  consumeJobs(runtime, open(runtime), {
    jobs: [job],
    concurrency,
    async handle(message) {
      await handle(message);
      handled.push(message.data.number);
    },
    retry: { baseMs: 1, capMs: 1 },
  });
  return { handled };
}

type Client = ReturnType<typeof open>;

function choicesOf(client: Client, id: string): [TestBeanstalkd, TestBeanstalkd, TestBeanstalkd] {
  const names = client.servers.map(({ name }) => name);
  const [first, second, third] = rankServers(names, id).map((choice) =>
    started.servers.find(({ name }) => name === choice),
  );
  if (!first || !second || !third) throw new Error('There are three servers');
  return [first, second, third];
}

/** An id whose first choice is this server. */
function idFor(client: Client, name: string): string {
  for (let number = 0; ; number++) {
    const id = `job ${number}`;
    if (choicesOf(client, id)[0].name === name) return id;
  }
}

async function isWatchedEverywhere(tube: string): Promise<boolean> {
  const statistics = await Promise.all(
    started.servers.map(({ address }) => probeTcp(address.port, `stats-tube ${tube}\r\n`)),
  );
  return statistics.every((text) => text?.includes('current-watching: 1'));
}

/** The servers with ready jobs, of those that are there. */
async function readyAt(tube: string, servers = started.servers): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const { name, address } of servers) {
    const connection = await connectBeanstalkd(address).catch(() => undefined);
    if (connection === undefined) continue;
    const { ready } = await connection.tubeStatistics(tube);
    connection.close();
    if (ready > 0) counts.set(name, ready);
  }
  return counts;
}
