import { afterAll, expect, test } from 'bun:test';
import { inTransaction } from '#kit/mysql/database';
import { startPeople } from '../../../tests/support/people';
import { addToPostsCounts } from './store';

const { call, close, database, join } = await startPeople();
afterAll(close);

test('the post counts of many people change together, each by its own number, and never fall below zero', async () => {
  const [one, other, third, last] = [
    await join('counted_1'),
    await join('counted_2'),
    await join('counted_3'),
    await join('counted_4'),
  ];
  const add = (...changes: [string, number][]) =>
    inTransaction(database, (transaction) => addToPostsCounts(transaction, new Map(changes)));
  await add([one.id, 3], [other.id, 1], [third.id, 0]);
  await add([one.id, -1], [other.id, -5]);
  await add();
  await add([last.id, 0]);
  const counts = await Promise.all(
    [1, 2, 3, 4].map(async (number) => (await call('GET', `/users/counted_${number}`)).body.posts_count),
  );
  expect(counts).toEqual([2, 0, 0, 0]);
});
