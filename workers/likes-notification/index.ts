import type { LikedPost, LikesServiceDefinition } from '#contracts/gen/likes/v1/likes';
import type { TimelinesServiceDefinition } from '#contracts/gen/timelines/v1/timelines';
import type { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import { LikeNotify } from '#contracts/jobs/likes';
import type { GrpcClient } from '#kit/grpc-client';
import { parkWhenRefused } from '#kit/refusals';
import type { JobWorker } from '#kit/worker';
import { digestOf, mostLiked, namesNeeded, shownName } from './digest';

export interface LikesNotificationDeps {
  readonly likes: Pick<GrpcClient<LikesServiceDefinition>, 'claimNotifications' | 'confirmNotifications'>;
  readonly timelines: Pick<GrpcClient<TimelinesServiceDefinition>, 'getPosts'>;
  readonly users: Pick<GrpcClient<UsersServiceDefinition>, 'getUsers'>;
  /** Where people reach this system. */
  readonly publicUrl: string;
}

/**
 * Has authors told of new likes. The claim makes the likes this job's own and has them published for the app; its id is
 * the job's, so that after a crash the same likes are told of again. Confirming it asks for the mail, once.
 */
export const likesNotificationWorker = (deps: LikesNotificationDeps): JobWorker<typeof LikeNotify> => ({
  source: { jobs: [LikeNotify] },
  concurrency: 4,
  async handle({ id, data: { author_id } }, context) {
    const { likes } = await parkWhenRefused(deps.likes.claimNotifications({ author_id, claim_id: id }));
    if (likes.length === 0) return;
    const posts = await describePosts(deps, author_id, mostLiked(likes));
    await parkWhenRefused(deps.likes.confirmNotifications({ claim_id: id, author_id, posts }));
    context.log.info({ likes: likes.length, posts: posts.length }, 'had an author told of likes');
  },
});

async function describePosts(
  { timelines, users, publicUrl }: LikesNotificationDeps,
  authorId: string,
  likers: Map<string, string[]>,
): Promise<LikedPost[]> {
  const [{ posts }, named] = await Promise.all([
    parkWhenRefused(timelines.getPosts({ ids: [...likers.keys()], viewer_id: authorId })),
    parkWhenRefused(users.getUsers({ ids: namesNeeded(likers) })),
  ]);
  const names = new Map(named.users.map((user) => [user.id, shownName(user)]));
  return digestOf(likers, posts, names, (postId) => `${publicUrl}/posts/id/${postId}`);
}
