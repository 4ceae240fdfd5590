import { expect, test } from 'bun:test';
import { EVERY_LIKE_CHANGED, likeChangesChannel, parseLikeChange } from './likes';

test('a notification names a like; what is not understood names everything', () => {
  const userId = '01980000-0000-7000-8000-000000000000';
  expect(likeChangesChannel()).toBe('likes:changes');
  expect(parseLikeChange(`1511768342528256 ${userId}`)).toEqual({ postId: '1511768342528256', userId });
  for (const text of [EVERY_LIKE_CHANGED, '', '1', '1 *', `* ${userId}`, `1 ${userId} of a later version`])
    expect(parseLikeChange(text)).toBe('everything');
});
