import type { LikesServiceDefinition } from '#contracts/gen/likes/v1/likes';
import type { Runtime } from '#kit/core/runtime';
import type { GrpcClient } from '#kit/grpc/client';
import type { Database } from '#kit/mysql/database';

/** What the caches load from. */
export interface CacheDeps {
  readonly runtime: Runtime;
  readonly database: Database;
  readonly likes: Pick<GrpcClient<LikesServiceDefinition>, 'getCounts' | 'listLikedPosts'>;
  /** Whether notifications of changes arrive. */
  readonly mayRemember: () => boolean;
  /** Whether the notifications of likes arrive as well. */
  readonly hearsLikes: () => boolean;
}
