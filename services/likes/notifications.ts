import { PostLiked } from '#contracts/events/likes';
import { type MailContent, MailRequested } from '#contracts/events/mail';
import { LikeNotify } from '#contracts/jobs/likes';
import { validated } from '#kit/errors/validation';
import type { LikesDeps } from './deps';
import * as store from './digest-store';
import { requirePostId } from './post-id';
import { redisOutboxEntry, scheduledOutboxEntry } from './redis-outbox-entry';
import { settleLike } from './store';

/**
 * Accepts a like whose post was found to exist: it counts for everybody from now on. Publishes `post.liked` for the notification in the app, and adds the like
 * to the author's next digest mail. Idempotent; likes of one's own posts notify nobody.
 *
 * @returns whether the author is notified
 */
export async function acceptLike(
  deps: LikesDeps,
  like: { postId: string; userId: string; authorId: string; givenTo?: string },
): Promise<boolean> {
  const { postId, userId, authorId, givenTo = postId } = like;
  requirePostId(postId);
  requirePostId(givenTo);
  await settleLike(deps.storage, { postId, userId, givenTo, nowMs: deps.now() });
  if (userId === authorId) return false;
  const liked_at = new Date(deps.now()).toISOString();
  const data = { post_id: postId, author_id: authorId, user_id: userId, liked_at };
  const isNotified = await store.acceptLike(deps.storage, {
    postId,
    userId,
    authorId,
    event: redisOutboxEntry(PostLiked, data, { actor: userId }),
    ...nextDigest(deps, authorId),
  });
  if (isNotified) deps.outbox.wake();
  return isNotified;
}

/** Maximum number of likes of one digest: with their ids well below the size limit of a gRPC message. */
const MAX_CLAIMED_LIKES = 20_000;

/** Claims the likes an author has not been mailed about. The same claim gets the same likes again. */
export async function claimNotifications(
  deps: LikesDeps,
  authorId: string,
  claimId: string,
): Promise<{ postId: string; userId: string }[]> {
  const likes = await store.claimUnmailed(deps.storage, {
    authorId,
    claimId,
    maxLikes: MAX_CLAIMED_LIKES,
    ...nextDigest(deps, authorId),
  });
  deps.outbox.wake();
  return likes;
}

/** The author's next digest job; the scripts schedule it where none is pending. */
const nextDigest = ({ digestSeconds, now }: LikesDeps, authorId: string): store.NextDigest => ({
  job: scheduledOutboxEntry(LikeNotify, { author_id: authorId }, { actor: null }),
  nowMs: now(),
  digestSeconds,
});

/** Completes a claim and requests its digest mail, if there are posts to mention. Idempotent. */
export async function confirmNotifications(
  deps: LikesDeps,
  claim: { claimId: string; authorId: string; posts: LikesDigest },
): Promise<void> {
  const { claimId, authorId, posts } = claim;
  if (posts.length === 0) return store.confirmClaim(deps.storage, claimId);
  const data = {
    to: { user_id: authorId },
    content: { template: 'likes-digest', values: { posts } },
    event_id: claimId,
  } as const;
  const mail = redisOutboxEntry(MailRequested, validated(MailRequested.data, data), { actor: null });
  await store.confirmClaim(deps.storage, claimId, mail);
  deps.outbox.wake();
}

type LikesDigest = Extract<MailContent, { template: 'likes-digest' }>['values']['posts'];
