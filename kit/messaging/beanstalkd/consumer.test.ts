import { afterEach, describe, expect, test } from 'bun:test';
import { Type } from '@sinclair/typebox';
import { defineJob, envelope, type MessageOf } from '#contracts/messages';
import type { Runtime } from '#kit/core/runtime';
import { type Beanstalkd, openBeanstalkd } from '#kit/messaging/beanstalkd/client';
import { connectBeanstalkd } from '#kit/messaging/beanstalkd/connection';
import { consumeJobs } from '#kit/messaging/beanstalkd/consumer';
import { parkedTube } from '#kit/messaging/beanstalkd/delivery';
import { type MessageContext, PermanentError, RetryableError } from '#kit/messaging/delivery';
import { eventually } from '../../../tests/support/eventually';
import { beanstalkdAddress, testRuntime, uniqueName } from '../../../tests/support/servers';

const runtimes: Runtime[] = [];
afterEach(async () => {
  await Promise.all(runtimes.splice(0).map((runtime) => runtime.close()));
});

describe('a consumer of jobs', () => {
  test('deletes a handled job', async () => {
    const { job, put, statistics } = setUp();
    const done: number[] = [];
    consume(job, async (message) => void done.push(message.data.number));
    await put(1);
    await put(2);
    await eventually(() => done.length === 2);
    await eventually(async () => empty(await statistics()));
    expect(done.toSorted()).toEqual([1, 2]);
  });

  test('retries a failed job and counts its attempts', async () => {
    const { job, put, statistics } = setUp();
    const attempts: number[] = [];
    consume(job, async (_, context) => {
      attempts.push(context.attempt);
      if (context.attempt < 3) throw new Error('not yet');
    });
    await put(1);
    await eventually(async () => attempts.length === 3 && empty(await statistics()));
    expect(attempts).toEqual([1, 2, 3]);
  });

  test('parks a job that has used up its attempts, with its reason and its body', async () => {
    const { job, put, statistics } = setUp();
    let attempts = 0;
    consume(job, async () => {
      attempts++;
      throw new Error('the provider is closed');
    });
    const body = await put(1);
    const parked = await takeParked(job.tube);
    expect(attempts).toBe(job.maxAttempts);
    expect(parked).toMatchObject({
      reason: 'Error: the provider is closed',
      attempts: 3,
      tube: job.tube,
      body: expect.stringContaining(body.slice(0, -1)),
    });
    // The job is deleted after it has been parked.
    await eventually(async () => empty(await statistics()));
  });

  test('parks a permanent failure and an invalid message immediately', async () => {
    const { job, put, putRaw } = setUp();
    let attempts = 0;
    consume(job, async () => {
      attempts++;
      throw new PermanentError('there is no such post');
    });
    await put(1);
    expect((await takeParked(job.tube)).reason).toBe('PermanentError: there is no such post');
    await putRaw('{"name":"secret"}');
    expect((await takeParked(job.tube)).reason).toStartWith('InvalidMessage: ');
    expect(attempts).toBe(1);
  });

  test('delays a retry by the time the handler sets', async () => {
    const { job, put, statistics } = setUp();
    consume(job, async () => {
      throw new RetryableError('later', { afterMs: 500_000 });
    });
    await put(1);
    await eventually(async () => (await statistics()).delayed === 1);
  });

  test('touches a job that takes longer than its time to run', async () => {
    const { job, put, statistics } = setUp();
    const finish = Promise.withResolvers<void>();
    let started = 0;
    const slow = async () => {
      started++;
      await finish.promise;
    };
    consume(job, slow);
    consume(job, slow);
    const startedAt = Date.now();
    await put(1);
    await eventually(() => Date.now() - startedAt > job.ttrSeconds * 2_000);
    expect(started).toBe(1);
    finish.resolve();
    await eventually(async () => empty(await statistics()));
  });

  test('finishes running jobs at shutdown, and reserves no new ones', async () => {
    const { job, put, statistics } = setUp();
    const finish = Promise.withResolvers<void>();
    const done: number[] = [];
    const runtime = consume(job, async (message) => {
      await finish.promise;
      done.push(message.data.number);
    });
    await put(1);
    await eventually(async () => (await statistics()).reserved === 1);
    const closing = runtime.close();
    await put(2);
    finish.resolve();
    await closing;
    expect(done).toEqual([1]);
    expect(await statistics()).toMatchObject({ ready: 1, reserved: 0 });
  });

  test('retries a job whose worker has died, and parks one whose worker dies every time', async () => {
    const { job, put } = setUp();
    await put(1);
    for (let lost = 0; lost < job.maxAttempts; lost++) {
      const connection = await connectBeanstalkd(beanstalkdAddress());
      await connection.watchOnly(job.tube);
      expect(await connection.reserve(5)).toBeDefined();
      connection.close();
    }
    let attempts = 0;
    consume(job, async () => void attempts++);
    expect((await takeParked(job.tube)).reason).toContain('never settled');
    expect(attempts).toBe(0);
  });

  test('exposes its backlog', async () => {
    const { job, put } = setUp();
    const runtime = consume(job, async () => {
      throw new PermanentError('no');
    });
    await put(1);
    const parked = `queue_messages{source="${job.tube}",state="parked"} 1`;
    await eventually(async () => (await runtime.metrics.metrics()).includes(parked));
    expect(await runtime.metrics.metrics()).toContain(`outcome="parked"`);
  });
});

test('a rejected put is an error', async () => {
  const beanstalkd = open(makeRuntime());
  const putting = beanstalkd.put(uniqueName('big'), Buffer.alloc(1_100_000), {
    id: 'big',
    priority: 1,
    delaySeconds: 0,
    ttrSeconds: 1,
  });
  await expect(putting).rejects.toThrow('too big');
  const nowhere = openBeanstalkd(makeRuntime(), {
    addresses: [{ host: '127.0.0.1', port: 1 }],
    required: false,
  });
  await expect(
    nowhere.put('any', Buffer.from('x'), { id: 'x', priority: 1, delaySeconds: 0, ttrSeconds: 1 }),
  ).rejects.toThrow('not connected');
});

function makeRuntime(): Runtime {
  const runtime = testRuntime('jobs-test');
  runtimes.push(runtime);
  return runtime;
}

const open = (runtime: Runtime): Beanstalkd =>
  openBeanstalkd(runtime, { addresses: [beanstalkdAddress()], required: true });

type Count = ReturnType<typeof defineCount>;
const defineCount = () =>
  defineJob({
    name: 'thing.count',
    version: 1,
    tube: uniqueName('jobs-test'),
    publishers: ['jobs-test'],
    ttrSeconds: 1,
    maxAttempts: 3,
    data: Type.Object({ number: Type.Integer() }),
  });

function setUp() {
  const job = defineCount();
  const beanstalkd = open(makeRuntime());
  async function putRaw(body: string) {
    await eventually(() => beanstalkd.connected);
    await beanstalkd.put(job.tube, Buffer.from(body), {
      id: body,
      priority: job.priority,
      delaySeconds: 0,
      ttrSeconds: job.ttrSeconds,
    });
    return body;
  }
  const put = (number: number) =>
    putRaw(JSON.stringify(envelope(job, { number }, { requestId: 'request-1', actor: null })));
  return { job, put, putRaw, statistics: () => beanstalkd.tubeStatistics(job.tube) };
}

function consume(
  job: Count,
  handle: (message: MessageOf<Count>, context: MessageContext) => Promise<void>,
): Runtime {
  const runtime = makeRuntime();
  consumeJobs(runtime, open(runtime), {
    jobs: [job],
    concurrency: 1,
    handle,
    retry: { baseMs: 1, capMs: 1 },
  });
  return runtime;
}

async function takeParked(tube: string): Promise<{ reason: string }> {
  const connection = await connectBeanstalkd(beanstalkdAddress());
  await connection.watchOnly(parkedTube(tube));
  const job = await connection.reserve(20);
  if (!job) throw new Error('nothing was parked');
  await connection.delete(job.id);
  connection.close();
  return JSON.parse(job.bytes.toString());
}

const empty = (statistics: { ready: number; delayed: number; reserved: number; buried: number }) =>
  statistics.ready + statistics.delayed + statistics.reserved + statistics.buried === 0;
