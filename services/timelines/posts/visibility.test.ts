import { describe, expect, test } from 'bun:test';
import { isInHomeTimeline, isVisible } from './visibility';

describe('visibility', () => {
  const post = {
    authorId: 'a',
    visibility: 'public',
    followed: false,
    blocked: false,
    muted: false,
  } as const;
  const hidden = { ...post, visibility: 'followers' } as const;

  test('a public post is visible to everyone without a block between them and the author', () => {
    expect(isVisible(post, null)).toBe(true);
    expect(isVisible({ ...post, blocked: true }, 'v')).toBe(false);
  });

  test('a followers-only post is visible to followers, and any post to its author', () => {
    expect(isVisible(hidden, 'v')).toBe(false);
    expect(isVisible({ ...hidden, followed: true }, 'v')).toBe(true);
    expect(isVisible({ ...hidden, blocked: true }, 'a')).toBe(true);
  });

  test('a home timeline has posts of followees who are not muted, and the viewer’s own', () => {
    expect(isInHomeTimeline(post, 'v')).toBe(false);
    expect(isInHomeTimeline({ ...post, followed: true }, 'v')).toBe(true);
    expect(isInHomeTimeline({ ...post, followed: true, muted: true }, 'v')).toBe(false);
    expect(isInHomeTimeline(post, 'a')).toBe(true);
  });
});
