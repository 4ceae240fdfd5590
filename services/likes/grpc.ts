import { LikesServiceDefinition, type PostLikes } from '#contracts/gen/likes/v1/likes';
import { isTimeOrderedId, isUuid } from '#kit/core/ids';
import { ValidationFailed } from '#kit/errors/problem';
import { validated } from '#kit/errors/validation';
import { grpcService } from '#kit/grpc/server';
import type { LikesDeps } from './deps';
import { PostIds } from './model';
import * as notifications from './notifications';
import * as service from './service';
import { readCounts } from './store';

/** Posts for which a caller asks at once, when it knows that none is a plain repost. */
const MAX_ORIGINALS = 500;
const MAX_PEOPLE = 100;

/** The internal API of likes, for its workers and other services. */
export const likesGrpc = (deps: LikesDeps) =>
  grpcService(LikesServiceDefinition, {
    async getCounts({ post_ids, viewer_id, originals_only: isOriginalsOnly }) {
      if (isOriginalsOnly) return { counts: await originalCounts(deps, post_ids, viewer_id ?? null) };
      validated(PostIds, { post_ids });
      const viewer = viewer_id === undefined ? null : { id: viewer_id };
      const counts = await service.readCounts(deps, viewer, post_ids);
      return {
        counts: counts.map(({ post_id, count, liked_by_me }) => ({
          post_id,
          count,
          liked_by_viewer: liked_by_me ?? false,
        })),
      };
    },
    async listLikedPosts({ user_ids }) {
      requireValid(user_ids.length <= MAX_PEOPLE && user_ids.every(isUuid), 'user_ids');
      const lists = await service.listLikedPosts(deps, user_ids);
      return {
        people: lists.map(({ userId, postIds, pendingPostIds, completeSinceMs }) => ({
          user_id: userId,
          post_ids: [...postIds],
          pending_post_ids: [...pendingPostIds],
          complete_since_ms: String(completeSinceMs),
        })),
      };
    },
    async acceptLike({ post_id, author_id, user_id, given_to_id }) {
      requireUuids({ author_id, user_id });
      const like = { postId: post_id, authorId: author_id, userId: user_id, givenTo: given_to_id ?? post_id };
      return { to_be_told: await notifications.acceptLike(deps, like) };
    },
    async withdrawLike({ post_id, user_id }) {
      requireUuids({ user_id });
      return { withdrawn: await service.withdrawLike(deps, post_id, user_id) };
    },
    async claimNotifications({ author_id, claim_id }) {
      requireUuids({ author_id, claim_id });
      const likes = await notifications.claimNotifications(deps, author_id, claim_id);
      return { likes: likes.map(({ postId, userId }) => ({ post_id: postId, user_id: userId })) };
    },
    async confirmNotifications({ claim_id, author_id, posts }) {
      requireUuids({ claim_id, author_id });
      await notifications.confirmNotifications(deps, { claimId: claim_id, authorId: author_id, posts });
      return {};
    },
  });

/** Of posts of which none is a plain repost, for a service that shows these posts to the viewer. @throws ValidationFailed */
async function originalCounts(
  { storage }: LikesDeps,
  postIds: readonly string[],
  viewerId: string | null,
): Promise<PostLikes[]> {
  requireValid(postIds.length <= MAX_ORIGINALS && postIds.every(isTimeOrderedId), 'post_ids');
  const counts = await readCounts(storage, postIds, viewerId);
  return counts.map(({ postId, count, likedByViewer }) => ({
    post_id: postId,
    count,
    liked_by_viewer: likedByViewer,
  }));
}

/** @throws ValidationFailed */
function requireValid(isValid: boolean, field: string): void {
  if (!isValid) throw new ValidationFailed({ errors: [{ field, message: 'Does not match the schema' }] });
}

/** @throws ValidationFailed */
function requireUuids(ids: Record<string, string>): void {
  const errors = Object.keys(ids)
    .filter((field) => !isUuid(ids[field] ?? ''))
    .map((field) => ({ field, message: 'Expected a UUID in lower case' }));
  if (errors.length > 0) throw new ValidationFailed({ errors });
}
