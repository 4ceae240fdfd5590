import type { ClaimedLike, LikedPost, LikesServiceDefinition } from '#contracts/gen/likes/v1/likes';
import type { NotificationsServiceDefinition } from '#contracts/gen/notifications/v1/notifications';
import type { TimelinesServiceDefinition } from '#contracts/gen/timelines/v1/timelines';
import type { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import { LikeNotify } from '#contracts/jobs/likes';
import type { GrpcClient } from '#kit/grpc/client';
import { parkWhenRefused } from '#kit/messaging/refusals';
import type { JobWorker } from '#kit/worker';
import { digestOf, mostLiked, namesNeeded, shownName } from './digest';

export interface LikesNotificationDeps {
  readonly likes: Pick<GrpcClient<LikesServiceDefinition>, 'claimNotifications' | 'confirmNotifications'>;
  readonly notifications: Pick<GrpcClient<NotificationsServiceDefinition>, 'getHearing'>;
  readonly timelines: Pick<GrpcClient<TimelinesServiceDefinition>, 'getPosts'>;
  readonly users: Pick<GrpcClient<UsersServiceDefinition>, 'getUsers'>;
  /** Where people reach this system. */
  readonly publicUrl: string;
}

/** What notifications answers in one call. */
const ASKED_AT_ONCE = 1_000;

/**
 * Has authors written to about new likes, of which they know from the app. The claim makes the likes this job's own; its id
 * is the job's, so that after a crash the same likes are told of again. Confirming it asks for the mail, once.
 */
export const likesNotificationWorker = (deps: LikesNotificationDeps): JobWorker<typeof LikeNotify> => ({
  source: { jobs: [LikeNotify] },
  concurrency: 4,
  async handle({ id, data: { author_id } }, context) {
    const { likes } = await parkWhenRefused(deps.likes.claimNotifications({ author_id, claim_id: id }));
    if (likes.length === 0) return;
    const heard = await thoseToBeMailed(deps, author_id, likes);
    const posts = heard.length === 0 ? [] : await describePosts(deps, author_id, mostLiked(heard));
    await parkWhenRefused(deps.likes.confirmNotifications({ claim_id: id, author_id, posts }));
    context.log.info({ likes: likes.length, posts: posts.length }, 'had an author told of likes');
  },
});

/** None where the author wants no mail about likes; without those by people the author does not hear. */
async function thoseToBeMailed(
  { notifications }: LikesNotificationDeps,
  authorId: string,
  likes: readonly ClaimedLike[],
): Promise<ClaimedLike[]> {
  const likers = [...new Set(likes.map(({ user_id }) => user_id))];
  const unheard = new Set<string>();
  for (let start = 0; start < likers.length; start += ASKED_AT_ONCE) {
    const actor_ids = likers.slice(start, start + ASKED_AT_ONCE);
    const hearing = await parkWhenRefused(
      notifications.getHearing({ user_id: authorId, type: 'like', actor_ids }),
    );
    if (hearing.delivery !== 'mail') return [];
    for (const id of hearing.unheard_ids) unheard.add(id);
  }
  return likes.filter(({ user_id }) => !unheard.has(user_id));
}

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
