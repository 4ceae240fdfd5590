import { LikesServiceDefinition } from '#contracts/gen/likes/v1/likes';
import { isUuid } from '#kit/core/ids';
import { ValidationFailed } from '#kit/errors/problem';
import { validated } from '#kit/errors/validation';
import { grpcService } from '#kit/grpc/server';
import type { LikesDeps } from './deps';
import { PostIds } from './model';
import * as notifications from './notifications';
import * as service from './service';

/** The internal API of likes, for its workers and other services. */
export const likesGrpc = (deps: LikesDeps) =>
  grpcService(LikesServiceDefinition, {
    async getCounts({ post_ids, viewer_id, originals_only: isOriginalsOnly }) {
      validated(PostIds, { post_ids });
      const viewer = viewer_id === undefined ? null : { id: viewer_id };
      const read = isOriginalsOnly ? service.readOwnCounts : service.readCounts;
      const counts = await read(deps, viewer, post_ids);
      return {
        counts: counts.map(({ liked_by_me, ...likes }) => ({
          ...likes,
          liked_by_viewer: liked_by_me ?? false,
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

/** @throws ValidationFailed */
function requireUuids(ids: Record<string, string>): void {
  const errors = Object.keys(ids)
    .filter((field) => !isUuid(ids[field] ?? ''))
    .map((field) => ({ field, message: 'Expected a UUID in lower case' }));
  if (errors.length > 0) throw new ValidationFailed({ errors });
}
