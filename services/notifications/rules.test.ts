import { expect, test } from 'bun:test';
import { sentenceOf } from './rules';

test.each([
  [['alice'], 1, 'alice liked your post'],
  [['alice', 'bob'], 2, 'alice and bob liked your post'],
  [['alice', 'bob', 'carol'], 8, 'alice and 7 others liked your post'],
  [[], 1, 'Somebody liked your post'],
  [[], 5, '5 people liked your post'],
  [['alice'], 2, 'alice and somebody else liked your post'],
])('of %p, %i in all, one sentence tells', (names, count, sentence) => {
  expect(sentenceOf('like', { names, count, reason: '' })).toBe(sentence);
});

test('of a payment it tells what became of it', () => {
  expect(sentenceOf('payment', { names: [], count: 0, reason: 'refunded' })).toBe(
    'Your payment has been given back',
  );
});
