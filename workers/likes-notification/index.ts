import type { LikesServiceDefinition } from '#contracts/gen/likes/v1/likes';
import type { TimelinesServiceDefinition } from '#contracts/gen/timelines/v1/timelines';
import type { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import { LikeNotify } from '#contracts/jobs/likes';
import type { GrpcClient } from '#kit/grpc-client';
import { Problem } from '#kit/problem';
import { parkWhenRefused } from '#kit/refusals';
import type { JobWorker } from '#kit/worker';
import { digestOf, mostLiked, namesNeeded, type PostDigest } from './digest';
import type { Mailer } from './mail';

export interface LikesNotificationDeps {
  readonly likes: Pick<GrpcClient<LikesServiceDefinition>, 'claimNotifications' | 'confirmNotifications'>;
  readonly timelines: Pick<GrpcClient<TimelinesServiceDefinition>, 'getPosts'>;
  readonly users: Pick<GrpcClient<UsersServiceDefinition>, 'getUsers' | 'getContact'>;
  readonly mailer: Mailer;
}

/**
 * Tells authors of new likes. The claim makes the likes this job's own and has them published for the app; its id is the
 * job's, so that after a crash the same likes are told of again, in a mail that mailboxes know to be the same.
 */
export const likesNotificationWorker = (deps: LikesNotificationDeps): JobWorker<typeof LikeNotify> => ({
  source: { jobs: [LikeNotify] },
  concurrency: 4,
  async handle({ id, data: { author_id } }, context) {
    const { likes } = await parkWhenRefused(deps.likes.claimNotifications({ author_id, claim_id: id }));
    if (likes.length === 0) return;
    const posts = await describePosts(deps, author_id, mostLiked(likes));
    const contact = await findContact(deps, author_id);
    if (posts.length > 0 && contact !== undefined) {
      await deps.mailer.send({ id, to: { name: contact.display_name, address: contact.email }, posts });
      context.log.info({ likes: likes.length, posts: posts.length }, 'told an author of likes by mail');
    }
    await deps.likes.confirmNotifications({ claim_id: id });
  },
});

async function describePosts(
  { timelines, users }: LikesNotificationDeps,
  authorId: string,
  likers: Map<string, string[]>,
): Promise<PostDigest[]> {
  const [{ posts }, named] = await Promise.all([
    parkWhenRefused(timelines.getPosts({ ids: [...likers.keys()], viewer_id: authorId })),
    parkWhenRefused(users.getUsers({ ids: namesNeeded(likers) })),
  ]);
  const names = new Map(named.users.map(({ id, display_name, username }) => [id, display_name || username]));
  return digestOf(likers, posts, names);
}

/** Undefined for an author who has left. */
async function findContact({ users }: LikesNotificationDeps, authorId: string) {
  try {
    return await users.getContact({ user_id: authorId });
  } catch (failure) {
    if (failure instanceof Problem && failure.status === 404) return undefined;
    throw failure;
  }
}
