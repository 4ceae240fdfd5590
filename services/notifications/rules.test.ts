import { expect, test } from 'bun:test';
import { sentenceOf } from './rules';

test.each([
  [['alice'], 1, 'alice liked your post'],
  [['alice', 'bob'], 2, 'alice and bob liked your post'],
  [['alice', 'bob', 'carol'], 8, 'alice and 7 others liked your post'],
  [[], 1, 'Someone liked your post'],
  [[], 5, '5 people liked your post'],
  [['alice'], 2, 'alice and someone else liked your post'],
])('names %p of %i actors', (names, count, sentence) => {
  expect(sentenceOf('like', { names, count, reason: '' })).toBe(sentence);
});

test('names the state of a payment', () => {
  expect(sentenceOf('payment', { names: [], count: 0, reason: 'refunded' })).toBe(
    'Your payment was refunded',
  );
});
