import { expect, test } from 'bun:test';
import { mergeNewestFirst } from './merge';

test('merging lists keeps each id once, newest first', () => {
  expect(mergeNewestFirst(['30', '9'], ['100', '30'])).toEqual(['100', '30', '9']);
});
