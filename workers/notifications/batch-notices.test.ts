import { expect, test } from 'bun:test';
import type { Notice } from '#contracts/gen/notifications/v1/notifications';
import { DependencyUnavailable } from '#kit/errors/problem';
import { batchNotices } from './batch-notices';

const noticesOf = (...objects: string[]): Notice[] =>
  objects.map((object_id) => ({
    object_id,
    user_id: 'someone',
    type: 'like',
    actor_id: undefined,
    subject_id: undefined,
    reason: undefined,
  }));
const objectsOf = (notices: readonly Notice[]) => notices.map(({ object_id }) => object_id);

test('notices that arrive during a call share the next one, in order and at most 200', async () => {
  const calls: string[][] = [];
  const record = batchNotices(async (notices) => {
    calls.push(objectsOf(notices));
    await Promise.resolve();
  });
  const objects = Array.from({ length: 451 }, (_, number) => String(number));
  await Promise.all(objects.map((object) => record(noticesOf(object))));
  expect(calls.map((call) => call.length)).toEqual([1, 200, 200, 50]);
  expect(calls.flat()).toEqual(objects);
  await record(noticesOf(...objects.slice(0, 199)));
  await Promise.all([record(noticesOf('a')), record(noticesOf('b', 'c')), record(noticesOf(...objects))]);
  expect(calls.slice(5).map((call) => call.length)).toEqual([3, 451]);
});

test('a rejected event does not fail the others of its batch', async () => {
  const recorded: string[] = [];
  const record = batchNotices(async (notices) => {
    await Promise.resolve();
    if (objectsOf(notices).includes('wrong')) throw new Error('rejected');
    recorded.push(...objectsOf(notices));
  });
  const outcomes = await Promise.allSettled(
    ['first', 'good', 'wrong', 'fine'].map((object) => record(noticesOf(object))),
  );
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
  expect(recorded).toEqual(['first', 'good', 'fine']);
});

test('while the service is unavailable a batch fails as a whole, without retries one by one', async () => {
  let calls = 0;
  const record = batchNotices(async () => {
    calls++;
    await Promise.resolve();
    throw new DependencyUnavailable();
  });
  const outcomes = await Promise.allSettled(
    Array.from({ length: 201 }, (_, number) => record(noticesOf(String(number)))),
  );
  expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set(['rejected']));
  expect(calls).toBe(2);
});
