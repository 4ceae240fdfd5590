import type { TimelinesServiceDefinition } from '#contracts/gen/timelines/v1/timelines';
import type { Runtime } from '#kit/core/runtime';
import type { GrpcClient } from '#kit/grpc/client';

/** A like is accepted no later than this: without a response in time it is validated by its job. */
const DEADLINE_MS = 300;

/**
 * The id of the post that a like or its removal is meant for, the original when the given one is a plain repost. Null when
 * timelines does not know the post, does not show it to that person, or is unavailable.
 */
export type CheckPost = (postId: string, viewerId: string) => Promise<string | null>;

export const createPostCheck =
  (runtime: Runtime, timelines: Pick<GrpcClient<TimelinesServiceDefinition>, 'getPosts'>): CheckPost =>
  async (postId, viewerId) => {
    try {
      const request = { ids: [postId], viewer_id: viewerId };
      const { posts } = await timelines.getPosts(request, { deadlineMs: DEADLINE_MS });
      const [post] = posts;
      return post === undefined ? null : (post.original_id ?? post.id);
    } catch (failure) {
      runtime.log.debug(
        { err: failure },
        'timelines is unavailable; the like is pending until it is validated',
      );
      return null;
    }
  };
