import { type PostSummary, TimelinesServiceDefinition } from '#contracts/gen/timelines/v1/timelines';
import { isTimeOrderedId, isUuid } from '#kit/core/ids';
import { ValidationFailed } from '#kit/errors/problem';
import { validated } from '#kit/errors/validation';
import { grpcService } from '#kit/grpc/server';
import { draftOf } from './drafts';
import { deliverPost } from './feeds';
import { NewPost } from './model';
import { createAcceptedPost, type TimelinesDeps } from './service';
import type { PostRow } from './store';
import { readVisible } from './views';

const MOST_IDS = 100;
const MOST_FOLLOWERS = 1_000;
/** As much as a notification shows. */
const EXCERPT_LENGTH = 140;

/** What workers and other services ask about posts. */
export const timelinesGrpc = (deps: TimelinesDeps) =>
  grpcService(TimelinesServiceDefinition, {
    async createAcceptedPost(request) {
      const { id, author_id, username, accepted_at: _, ...body } = request;
      mustBe(isTimeOrderedId(id), 'id');
      mustBe(isUuid(author_id), 'author_id');
      const input = validated(NewPost, body);
      return {
        created: await createAcceptedPost(deps, id, { id: author_id, username }, draftOf(deps, input)),
      };
    },
    async deliverPost({ post_id, author_id, after_follower, limit }) {
      mustBe(isTimeOrderedId(post_id), 'post_id');
      mustBe(isUuid(author_id), 'author_id');
      mustBe(after_follower === undefined || isUuid(after_follower), 'after_follower');
      mustBe(limit >= 1 && limit <= MOST_FOLLOWERS, 'limit');
      const { delivered, nextAfterFollower } = await deliverPost(deps, {
        postId: post_id,
        authorId: author_id,
        afterFollower: after_follower ?? null,
        limit,
      });
      return { delivered, next_after_follower: nextAfterFollower };
    },
    async getPosts({ ids, viewer_id }) {
      mustBe(ids.length <= MOST_IDS, 'ids');
      mustBe(viewer_id === undefined || isUuid(viewer_id), 'viewer_id');
      const posts = await readVisible(deps, ids.filter(isTimeOrderedId), viewer_id ?? null);
      return { posts: posts.map(summaryOf) };
    },
  });

function mustBe(holds: boolean, field: string): void {
  if (!holds) throw new ValidationFailed({ errors: [{ field, message: 'Not as the contract says' }] });
}

const summaryOf = (post: PostRow): PostSummary => ({
  id: post.id,
  author_id: post.authorId,
  excerpt: post.text.slice(0, EXCERPT_LENGTH).toWellFormed(),
});
