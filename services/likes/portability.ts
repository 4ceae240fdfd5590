import { Type } from '@sinclair/typebox';
import type { TimelinesServiceDefinition } from '#contracts/gen/timelines/v1/timelines';
import { Timestamp } from '#contracts/messages';
import { timeOfId } from '#kit/core/ids';
import { validated } from '#kit/errors/validation';
import type { GrpcClient } from '#kit/grpc/client';
import {
  EXPORT_PAGE_SIZE,
  exportedPage,
  type ImportedRecord,
  pastTime,
  portabilityGrpc,
} from '#kit/grpc/portability';
import type { LikesStorage } from './deps';
import { LikedPostNotFound, PostId } from './model';
import { requirePostId } from './post-id';
import { exportLikesOf, importLike } from './store';

const LikeRecord = Type.Object({ post_id: PostId, liked_at: Timestamp });

interface PortabilityDeps {
  readonly storage: LikesStorage;
  readonly timelines: Pick<GrpcClient<TimelinesServiceDefinition>, 'getPosts'>;
}

/** The data of people in this service. */
export const likesPortability = (deps: PortabilityDeps) =>
  portabilityGrpc([
    {
      name: 'likes',
      async exportPage(userId, cursor) {
        const page = {
          userId,
          afterMs: cursor === undefined ? null : Number(cursor),
          limit: EXPORT_PAGE_SIZE,
        };
        return exportedPage(await exportLikesOf(deps.storage, page), {
          key: ({ likedAtMs }) => String(likedAtMs),
          record: ({ postId, likedAtMs }) => ({
            data: { post_id: postId, liked_at: new Date(likedAtMs).toISOString() },
          }),
        });
      },
      importRecord: (record) => importLikeRecord(deps, record),
    },
  ]);

/** The author was notified when the like was given, and is not now. */
async function importLikeRecord(
  { storage, timelines }: PortabilityDeps,
  { userId, data }: ImportedRecord,
): Promise<'imported' | 'exists'> {
  const { post_id: postId, liked_at } = validated(LikeRecord, data);
  requirePostId(postId);
  const likedAtMs = pastTime(liked_at).getTime();
  const { posts } = await timelines.getPosts({ ids: [postId], viewer_id: userId });
  const [post] = posts;
  if (post === undefined) throw new LikedPostNotFound();
  const likedId = post.original_id ?? post.id;
  // No like is older than its post: who knows the newest likes of a person then knows those of all posts since.
  const givenAtMs = Math.max(likedAtMs, timeOfId(likedId).getTime());
  return (await importLike(storage, { postId: likedId, userId, likedAtMs: givenAtMs }))
    ? 'imported'
    : 'exists';
}
