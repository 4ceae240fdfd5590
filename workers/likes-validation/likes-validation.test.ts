import { afterAll, expect, test } from 'bun:test';
import { LikeValidate } from '#contracts/jobs/likes';
import { envelope } from '#contracts/messages';
import { createIdGenerator, uuidv7 } from '#kit/core/ids';
import { DependencyUnavailable } from '#kit/errors/problem';
import { PermanentError, RetryableError } from '#kit/messaging/delivery';
import { testRuntime } from '../../tests/support/servers';
import { likesValidationWorker } from '.';

const MINUTE_MS = 60_000;
const runtime = testRuntime('likes-validation');
const [author, liker] = [uuidv7(), uuidv7()];
const idGenerated = (agoMs: number) => createIdGenerator(1, () => Date.now() - agoMs)();

afterAll(() => runtime.close());

/** Handles a like of a post, visible to the viewers in `seenBy`. */
async function validate(
  postId: string,
  posts: { seenBy?: readonly (string | undefined)[]; isUnavailable?: boolean; originalId?: string },
) {
  const outcomes: string[] = [];
  const { handle } = likesValidationWorker({
    now: Date.now,
    timelines: {
      async getPosts({ ids: [id = ''], viewer_id }) {
        if (posts.isUnavailable) throw new DependencyUnavailable();
        return posts.seenBy?.includes(viewer_id)
          ? {
              posts: [
                {
                  id,
                  author_id: author,
                  excerpt: 'A post',
                  original_id: id === postId ? posts.originalId : undefined,
                },
              ],
            }
          : { posts: [] };
      },
    },
    likes: {
      async acceptLike(like) {
        expect(like).toEqual({
          post_id: posts.originalId ?? postId,
          user_id: liker,
          author_id: author,
          given_to_id: postId,
        });
        outcomes.push('accepted');
        return { to_be_told: true };
      },
      async withdrawLike(like) {
        expect(like).toEqual({ post_id: postId, user_id: liker });
        outcomes.push('withdrawn');
        return { withdrawn: true };
      },
    },
  });
  const data = { post_id: postId, user_id: liker, liked_at: new Date().toISOString() };
  const message = envelope(LikeValidate, data, { requestId: 'request-1', actor: liker });
  const context = { attempt: 1, log: runtime.log, closing: runtime.closing };
  const failure: unknown = await handle(message, context).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { outcomes, failure };
}

test('a like of a post visible to the liker is accepted', async () => {
  for (const ageMs of [0, 60 * MINUTE_MS])
    expect((await validate(idGenerated(ageMs), { seenBy: [liker, undefined] })).outcomes).toEqual([
      'accepted',
    ]);
});

test('a like of a plain repost is accepted for its original', async () => {
  const repost = { seenBy: [liker], originalId: idGenerated(90 * MINUTE_MS) };
  expect((await validate(idGenerated(0), repost)).outcomes).toEqual(['accepted']);
});

test('a like of a post that does not exist is withdrawn', async () => {
  expect((await validate(idGenerated(3 * MINUTE_MS), {})).outcomes).toEqual(['withdrawn']);
});

test('a like of a recent id is retried, because its post may be pending', async () => {
  const { outcomes, failure } = await validate(idGenerated(MINUTE_MS), {});
  expect(failure).toBeInstanceOf(RetryableError);
  expect(outcomes).toEqual([]);
});

test('a like of an id from the future is withdrawn without a retry', async () => {
  expect((await validate(idGenerated(-60 * MINUTE_MS), {})).outcomes).toEqual(['withdrawn']);
});

test('a like across a block is withdrawn without a retry', async () => {
  expect((await validate(idGenerated(0), { seenBy: [undefined] })).outcomes).toEqual(['withdrawn']);
});

test('no like is withdrawn while timelines is unavailable', async () => {
  const { outcomes, failure } = await validate(idGenerated(60 * MINUTE_MS), { isUnavailable: true });
  expect(outcomes).toEqual([]);
  expect(failure).toBeInstanceOf(DependencyUnavailable);
  expect(failure).not.toBeInstanceOf(PermanentError);
});
