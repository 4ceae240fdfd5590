import { afterAll, expect, test } from 'bun:test';
import { PostFanOut } from '#contracts/jobs/posts';
import { envelope, parseEnvelope } from '#contracts/messages';
import { DependencyUnavailable, defineProblem } from '#kit/errors/problem';
import { PermanentError } from '#kit/messaging/delivery';
import { testRuntime } from '../../tests/support/servers';
import { fanoutWorker } from '.';

const runtime = testRuntime('fanout');
afterAll(() => runtime.close());

const author = '01981f6e-7a10-7c3e-8d2b-5f0a1b2c3d4e';
const followers = ['01981f6e-7a10-7c3e-8d2b-5f0a1b2c3d01', '01981f6e-7a10-7c3e-8d2b-5f0a1b2c3d02'];
const context = { attempt: 1, log: runtime.log, closing: runtime.closing };
const job = (after_follower: string | null) =>
  envelope(
    PostFanOut,
    { post_id: '1511768342528256', author_id: author, after_follower },
    { requestId: 'a-request', actor: null },
  );

test('enqueues the next batch before it completes, and stops after the last one', async () => {
  const enqueued: Buffer[] = [];
  let failing = true;
  const { handle } = fanoutWorker({
    runtime: testRuntime('fanout-batches'),
    timelines: {
      async deliverPost({ after_follower }) {
        const at = after_follower === undefined ? 0 : followers.indexOf(after_follower) + 1;
        return { delivered: 1, next_after_follower: followers[at] };
      },
      deliverPosts: () => Promise.reject(new Error('there is one job at a time')),
    },
    beanstalkd: {
      async put(_tube, bytes) {
        if (failing) throw new Error('beanstalkd is unavailable');
        enqueued.push(bytes);
        return '1';
      },
    },
  });
  await expect(handle(job(null), context)).rejects.toThrow('unavailable');
  failing = false;
  await handle(job(null), context);
  for (let index = 0; index < enqueued.length; index++)
    await handle(parseEnvelope([PostFanOut], enqueued[index] ?? Buffer.alloc(0)), context);
  expect(enqueued.map((bytes) => parseEnvelope([PostFanOut], bytes).data.after_follower)).toEqual(followers);
});

test('parks what timelines rejects, and retries while it is unavailable', async () => {
  const Rejected = defineProblem('test.rejected', 422, 'Rejected');
  const failing = (failure: Error) =>
    fanoutWorker({
      runtime: testRuntime('fanout-failing'),
      timelines: {
        deliverPost: () => Promise.reject(failure),
        deliverPosts: () => Promise.reject(failure),
      },
      beanstalkd: { put: () => Promise.reject(new Error('no job is enqueued after a failure')) },
    }).handle(job(null), context);
  await expect(failing(new Rejected())).rejects.toBeInstanceOf(PermanentError);
  await expect(failing(new DependencyUnavailable())).rejects.toBeInstanceOf(DependencyUnavailable);
});

test('jobs that are ready together share a call, and one that is rejected fails alone', async () => {
  const Rejected = defineProblem('test.rejected', 422, 'Rejected');
  const DELIVERED = { delivered: 1, next_after_follower: undefined };
  const calls: string[][] = [];
  async function deliver(deliveries: readonly { post_id: string }[]) {
    calls.push(deliveries.map(({ post_id }) => post_id));
    if (deliveries.some(({ post_id }) => post_id === '3')) throw new Rejected();
    return deliveries.map(() => DELIVERED);
  }
  const { handle } = fanoutWorker({
    runtime: testRuntime('fanout-together'),
    timelines: {
      deliverPost: (delivery) => deliver([delivery]).then(([result = DELIVERED]) => result),
      deliverPosts: async ({ deliveries }) => ({ deliveries: await deliver(deliveries) }),
    },
    beanstalkd: { put: () => Promise.reject(new Error('there is no next batch')) },
  });
  const outcomes = await Promise.allSettled(
    ['1', '2', '3', '4', '5'].map((post_id) => {
      const message = job(null);
      return handle({ ...message, data: { ...message.data, post_id } }, context);
    }),
  );
  expect(outcomes.map(({ status }) => status)).toEqual([
    'fulfilled',
    'fulfilled',
    'rejected',
    'fulfilled',
    'fulfilled',
  ]);
  expect(calls.some((call) => call.length > 1)).toBe(true);
});
