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
const idMade = (agoMs: number) => createIdGenerator(1, () => Date.now() - agoMs)();

afterAll(() => runtime.close());

/** What is done about a like of a post, with services that answer as told. */
async function validate(postId: string, posts: { seenBy?: readonly (string | undefined)[]; away?: boolean }) {
  const done: string[] = [];
  const { handle } = likesValidationWorker({
    now: Date.now,
    timelines: {
      async getPosts({ ids: [id = ''], viewer_id }) {
        if (posts.away) throw new DependencyUnavailable();
        return posts.seenBy?.includes(viewer_id)
          ? { posts: [{ id, author_id: author, excerpt: 'A post' }] }
          : { posts: [] };
      },
    },
    likes: {
      async acceptLike(like) {
        expect(like).toEqual({ post_id: postId, user_id: liker, author_id: author });
        done.push('accepted');
        return { to_be_told: true };
      },
      async withdrawLike(like) {
        expect(like).toEqual({ post_id: postId, user_id: liker });
        done.push('withdrawn');
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
  return { done, failure };
}

test('a like of a post its liker may see is accepted', async () => {
  for (const ageMs of [0, 60 * MINUTE_MS])
    expect((await validate(idMade(ageMs), { seenBy: [liker, undefined] })).done).toEqual(['accepted']);
});

test('a like of a post that is not there is taken back', async () => {
  expect((await validate(idMade(3 * MINUTE_MS), {})).done).toEqual(['withdrawn']);
});

test('a post whose id was only just given out is waited for', async () => {
  const { done, failure } = await validate(idMade(MINUTE_MS), {});
  expect(failure).toBeInstanceOf(RetryableError);
  expect(done).toEqual([]);
});

test('an id from the future is not waited for', async () => {
  expect((await validate(idMade(-60 * MINUTE_MS), {})).done).toEqual(['withdrawn']);
});

test('a like across a block is taken back at once: the post is there, but not for the liker', async () => {
  expect((await validate(idMade(0), { seenBy: [undefined] })).done).toEqual(['withdrawn']);
});

test('nothing is taken back while timelines is away', async () => {
  const { done, failure } = await validate(idMade(60 * MINUTE_MS), { away: true });
  expect(done).toEqual([]);
  expect(failure).toBeInstanceOf(DependencyUnavailable);
  expect(failure).not.toBeInstanceOf(PermanentError);
});
