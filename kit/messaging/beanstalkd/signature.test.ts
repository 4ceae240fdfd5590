import { afterAll, describe, expect, test } from 'bun:test';
import { Type } from '@sinclair/typebox';
import { defineJob, envelope } from '#contracts/messages';
import { developmentIdentity } from '#kit/core/identity';
import { eventually } from '../../../tests/support/eventually';
import { beanstalkdAddress, testRuntime, uniqueName } from '../../../tests/support/servers';
import { openBeanstalkd } from './client';
import { connectBeanstalkd } from './connection';
import { consumeJobs } from './consumer';
import { parkedTube } from './delivery';
import { requireSignature, signJob } from './signature';

const likes = developmentIdentity('likes');
const bytes = Buffer.from('{"name":"thing.count","text":"\\"},\\"signature\\":\\"é"}');
const signed = signJob(likes, 'tube', bytes);
const check =
  (job: Buffer, tube = 'tube', publishers = ['users', 'likes'], identity = likes) =>
  () =>
    requireSignature(identity, { tube, bytes: job }, publishers);

describe('a signed job', () => {
  test('is the same JSON object with one more member, which older workers ignore', () => {
    const { signature, ...rest } = JSON.parse(signed.toString());
    expect(signature).toStartWith('likes.');
    expect(rest).toEqual(JSON.parse(bytes.toString()));
    expect(check(signed)).not.toThrow();
  });

  test('is of this tube, these bytes and one of these publishers', () => {
    expect(check(signed, 'another')).toThrow('signature');
    expect(check(signed, 'tube', ['users'])).toThrow('another than its publishers');
    for (let index = 0; index < signed.length; index++) {
      const changed = Buffer.from(signed);
      changed[index] = (changed[index] ?? 0) ^ 1;
      expect(check(changed), `byte ${index}`).toThrow();
    }
  });

  test('cannot be signed by one process for another, nor carried over from another job', () => {
    const stolen = signJob({ ...likes, name: 'users' }, 'tube', bytes);
    expect(check(stolen)).toThrow('not that of users');
    const other = Buffer.from('{"name":"thing.pay"}');
    const tail = signed.subarray(bytes.length - 1);
    expect(check(Buffer.concat([other.subarray(0, -1), tail]))).toThrow('not that of likes');
    // A second signature signs the first one as well.
    expect(check(signJob({ ...likes, name: 'users' }, 'tube', signed))).toThrow();
  });

  test('may be missing only while jobs of an older version wait', () => {
    expect(check(bytes)).toThrow('no signature');
    const upgrading = { ...likes, acceptsUnsigned: true };
    expect(check(bytes, 'tube', ['likes'], upgrading)).not.toThrow();
    const forged = signJob({ ...likes, name: 'users' }, 'tube', bytes);
    expect(check(forged, 'tube', ['users'], upgrading)).toThrow('not that of users');
  });
});

describe('at the worker', () => {
  const runtimes = [testRuntime('signing-test'), testRuntime('stranger'), testRuntime('worker')];
  afterAll(() => Promise.all(runtimes.map((runtime) => runtime.close())));

  test('forged jobs are parked with the reason, and never handled; those of a publisher are', async () => {
    const job = defineJob({
      name: 'thing.count',
      version: 1,
      tube: uniqueName('signing-test'),
      publishers: ['signing-test'],
      ttrSeconds: 5,
      maxAttempts: 3,
      data: Type.Object({ number: Type.Integer() }),
    });
    const address = beanstalkdAddress();
    const [publisher, stranger, worker] = runtimes.map((runtime) =>
      openBeanstalkd(runtime, { addresses: [address], required: true }),
    );
    if (!publisher || !stranger || !worker || !runtimes[2]) throw new Error('Three runtimes');
    await eventually(() => publisher.connected && stranger.connected);
    const options = { id: 'any', priority: 1, delaySeconds: 0, ttrSeconds: 5 };
    const message = (number: number) =>
      Buffer.from(JSON.stringify(envelope(job, { number }, { requestId: 'request-1', actor: null })));
    await stranger.put(job.tube, message(1), options);
    const raw = await connectBeanstalkd(address);
    await raw.put(job.tube, message(2), options);
    await publisher.put(job.tube, message(3), options);

    const handled: number[] = [];
    consumeJobs(runtimes[2], worker, {
      jobs: [job],
      concurrency: 1,
      handle: async ({ data }) => void handled.push(data.number),
    });
    await eventually(async () => {
      expect(handled).toEqual([3]);
      expect((await worker.tubeStatistics(parkedTube(job.tube))).ready).toBe(2);
    });
    await raw.watchOnly(parkedTube(job.tube));
    const reasons = [await raw.reserve(5), await raw.reserve(5)].map(
      (parked) => JSON.parse(parked?.bytes.toString() ?? '{}').reason,
    );
    raw.close();
    expect(reasons.sort()).toEqual([
      'ForgedMessage: the job has no signature of its publisher',
      'ForgedMessage: the job is signed by another than its publishers',
    ]);
  });
});
