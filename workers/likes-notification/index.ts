import type { ClaimedLike, LikedPost, LikesServiceDefinition } from '#contracts/gen/likes/v1/likes';
import type { NotificationsServiceDefinition } from '#contracts/gen/notifications/v1/notifications';
import type { TimelinesServiceDefinition } from '#contracts/gen/timelines/v1/timelines';
import type { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import { LikeNotify } from '#contracts/jobs/likes';
import type { GrpcClient } from '#kit/grpc/client';
import { parkClientErrors } from '#kit/messaging/refusals';
import type { JobWorker } from '#kit/worker';
import { digestOf, likersByPost, likersToFetch } from './digest';

export interface LikesNotificationDeps {
  readonly likes: Pick<GrpcClient<LikesServiceDefinition>, 'claimNotifications' | 'confirmNotifications'>;
  readonly notifications: Pick<GrpcClient<NotificationsServiceDefinition>, 'getHearing'>;
  readonly timelines: Pick<GrpcClient<TimelinesServiceDefinition>, 'getPosts'>;
  readonly users: Pick<GrpcClient<UsersServiceDefinition>, 'getUsers'>;
  /** The public address of the system, without a trailing slash. */
  readonly publicUrl: string;
}

/** Maximum number of actors in one call of `getHearing`. */
const BATCH_ACTORS = 1_000;

/**
 * Mails authors a digest of new likes; in the app they are notified at once. The claim reserves the likes for this job and
 * has its id, so that a redelivered job gets the same likes. Confirming the claim requests the mail, once.
 */
export const likesNotificationWorker = (deps: LikesNotificationDeps): JobWorker<typeof LikeNotify> => ({
  source: { jobs: [LikeNotify] },
  concurrency: 4,
  async handle({ id, data: { author_id } }, context) {
    const { likes } = await parkClientErrors(deps.likes.claimNotifications({ author_id, claim_id: id }));
    if (likes.length === 0) return;
    const mailed = await likesToMail(deps, author_id, likes);
    const posts = mailed.length === 0 ? [] : await describePosts(deps, author_id, likersByPost(mailed));
    await parkClientErrors(deps.likes.confirmNotifications({ claim_id: id, author_id, posts }));
    context.log.info({ likes: likes.length, posts: posts.length }, 'likes digest requested');
  },
});

/** Without likes of suppressed actors; none when the author does not want mail about likes. */
async function likesToMail(
  { notifications }: LikesNotificationDeps,
  authorId: string,
  likes: readonly ClaimedLike[],
): Promise<ClaimedLike[]> {
  const likers = [...new Set(likes.map(({ user_id }) => user_id))];
  const suppressed = new Set<string>();
  for (let start = 0; start < likers.length; start += BATCH_ACTORS) {
    const actor_ids = likers.slice(start, start + BATCH_ACTORS);
    const response = await parkClientErrors(
      notifications.getHearing({ user_id: authorId, type: 'like', actor_ids }),
    );
    if (response.delivery !== 'mail') return [];
    for (const id of response.unheard_ids) suppressed.add(id);
  }
  return likes.filter(({ user_id }) => !suppressed.has(user_id));
}

async function describePosts(
  { timelines, users, publicUrl }: LikesNotificationDeps,
  authorId: string,
  likers: Map<string, string[]>,
): Promise<LikedPost[]> {
  const [{ posts }, profiles] = await Promise.all([
    parkClientErrors(timelines.getPosts({ ids: [...likers.keys()], viewer_id: authorId })),
    parkClientErrors(users.getUsers({ ids: likersToFetch(likers) })),
  ]);
  // Usernames: a display name is free text, which must not become a subject.
  const names = new Map(profiles.users.map(({ id, username }) => [id, username]));
  return digestOf(likers, posts, names, (postId) => `${publicUrl}/posts/id/${postId}`);
}
