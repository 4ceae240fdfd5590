import type { LikesServiceDefinition } from '#contracts/gen/likes/v1/likes';
import type { TimelinesServiceDefinition } from '#contracts/gen/timelines/v1/timelines';
import { LikeValidate } from '#contracts/jobs/likes';
import { timeOfId } from '#kit/core/ids';
import type { GrpcClient } from '#kit/grpc/client';
import { RetryableError } from '#kit/messaging/delivery';
import { parkWhenRefused } from '#kit/messaging/refusals';
import type { JobWorker } from '#kit/worker';

export interface LikesValidationDeps {
  readonly timelines: Pick<GrpcClient<TimelinesServiceDefinition>, 'getPosts'>;
  readonly likes: Pick<GrpcClient<LikesServiceDefinition>, 'acceptLike' | 'withdrawLike'>;
  readonly now: () => number;
}

/** `POST /posts/async` gives an id out before its post exists; a post may be liked as soon as its id is known. */
const MAY_COME_MS = 2 * 60_000;
/** An id made by a clock that is ahead by more than this is no id of ours. */
const CLOCKS_APART_MS = 60_000;
const LONGEST_WAIT_MS = 15_000;

/**
 * Asks whether a liked post exists, and the liker may see it. If so its author will hear of it, if not the like is taken
 * back.
 */
export const likesValidationWorker = (deps: LikesValidationDeps): JobWorker<typeof LikeValidate> => ({
  source: { jobs: [LikeValidate] },
  concurrency: 8,
  async handle({ data: { post_id, user_id } }, context) {
    const post = await findPost(deps, post_id, user_id);
    if (post !== undefined) {
      await parkWhenRefused(deps.likes.acceptLike({ post_id, user_id, author_id: post.author_id }));
      return;
    }
    if (mayStillCome(post_id, deps.now()) && (await findPost(deps, post_id)) === undefined)
      throw new RetryableError('the post may still be on its way', { afterMs: waitMs(context.attempt) });
    const { withdrawn } = await parkWhenRefused(deps.likes.withdrawLike({ post_id, user_id }));
    if (withdrawn) context.log.info({ post_id }, 'took a like back: there is no such post for its liker');
  },
});

/** @param viewerId without one: what everybody may see */
async function findPost({ timelines }: LikesValidationDeps, postId: string, viewerId?: string) {
  const { posts } = await parkWhenRefused(timelines.getPosts({ ids: [postId], viewer_id: viewerId }));
  return posts[0];
}

function mayStillCome(postId: string, nowMs: number): boolean {
  const ageMs = nowMs - timeOfId(postId).getTime();
  return ageMs < MAY_COME_MS && ageMs > -CLOCKS_APART_MS;
}

/** A dozen attempts reach over the time a post may take, so that they do not run out before it. */
const waitMs = (attempt: number): number => Math.min(1_000 * 2 ** (attempt - 1), LONGEST_WAIT_MS);
