import { expect, test } from 'bun:test';
import type { Notice } from '#contracts/gen/notifications/v1/notifications';
import { DependencyUnavailable } from '#kit/errors/problem';
import { recordTogether } from './record-together';

const noticesOf = (...objects: string[]): Notice[] =>
  objects.map((object_id) => ({
    object_id,
    user_id: 'somebody',
    type: 'like',
    actor_id: undefined,
    subject_id: undefined,
    reason: undefined,
  }));
const objectsOf = (notices: readonly Notice[]) => notices.map(({ object_id }) => object_id);

test('what comes while a call is running shares the next one, in its order and never more than 200', async () => {
  const calls: string[][] = [];
  const record = recordTogether(async (notices) => {
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

test('what is wrong with one is not held against those that share its call', async () => {
  const recorded: string[] = [];
  const record = recordTogether(async (notices) => {
    await Promise.resolve();
    if (objectsOf(notices).includes('wrong')) throw new Error('refused');
    recorded.push(...objectsOf(notices));
  });
  const outcomes = await Promise.allSettled(
    ['first', 'good', 'wrong', 'fine'].map((object) => record(noticesOf(object))),
  );
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
  expect(recorded).toEqual(['first', 'good', 'fine']);
});

test('while the service is away what shares a call fails together, and is not asked for one by one', async () => {
  let calls = 0;
  const record = recordTogether(async () => {
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
