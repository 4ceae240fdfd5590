import type { LikeWithdrawn, PostLiked } from '#contracts/events/likes';
import type { PaymentFailed, PaymentRefunded, PaymentSucceeded } from '#contracts/events/payments';
import type { PollEnded } from '#contracts/events/polls';
import type { PostCreated } from '#contracts/events/posts';
import type { UserFollowed, UserFollowRequestClosed, UserFollowRequested } from '#contracts/events/users';
import type { Notice } from '#contracts/gen/notifications/v1/notifications';
import type { MessageOf } from '#contracts/messages';

export type NotifyingEvent = MessageOf<
  | typeof PostCreated
  | typeof PostLiked
  | typeof LikeWithdrawn
  | typeof UserFollowed
  | typeof UserFollowRequested
  | typeof UserFollowRequestClosed
  | typeof PollEnded
  | typeof PaymentSucceeded
  | typeof PaymentFailed
  | typeof PaymentRefunded
>;

/** The notices of an event, one per recipient. */
export function noticesOf(event: NotifyingEvent): Notice[] {
  switch (event.name) {
    case 'post.created':
      return noticesOfPost(event.data);
    case 'post.liked': {
      const { post_id, author_id, user_id } = event.data;
      return [notice('like', author_id, { actor_id: user_id, object_id: post_id })];
    }
    case 'like.withdrawn':
      return [notice('like-withdrawn', event.data.user_id, { object_id: event.data.post_id })];
    case 'user.followed': {
      const { follower_id, followee_id } = event.data;
      return [notice('follow', followee_id, { actor_id: follower_id, object_id: followee_id })];
    }
    case 'user.follow-requested': {
      const { id, follower_id, followee_id } = event.data;
      const about = { actor_id: follower_id, object_id: id, subject_id: follower_id };
      return [notice('follow-request', followee_id, about)];
    }
    case 'user.follow-request-closed': {
      const { id, follower_id, followee_id, outcome } = event.data;
      // As elsewhere, nobody is told of a rejection.
      if (outcome !== 'authorized') return [];
      const about = { actor_id: followee_id, object_id: id, subject_id: followee_id };
      return [notice('follow-accepted', follower_id, about)];
    }
    case 'poll.ended':
      return noticesOfPoll(event.data);
    case 'payment.succeeded':
    case 'payment.failed':
    case 'payment.refunded': {
      const reason = event.name.slice('payment.'.length);
      return [notice('payment', event.data.user_id, { object_id: event.data.payment_id, reason })];
    }
  }
}

/** A recipient gets one notice of a post: a reply or a repost before a mention. */
function noticesOfPost(post: MessageOf<typeof PostCreated>['data']): Notice[] {
  const about = { actor_id: post.author_id, subject_id: post.id };
  const notices = new Map<string, Notice>();
  const add = (userId: string | null | undefined, type: string, objectId: string | null, reason?: string) => {
    if (userId && objectId && userId !== post.author_id && !notices.has(userId))
      notices.set(userId, notice(type, userId, { ...about, object_id: objectId, reason }));
  };
  add(post.reply_to_author_id, 'reply', post.reply_to);
  add(post.repost_of_author_id, 'repost', post.repost_of, post.is_quote ? 'quote' : undefined);
  for (const mentioned of post.mentions) add(mentioned, 'mention', post.id);
  return [...notices.values()];
}

/** The author of the poll is the actor for voters, so that those who have muted the author are not notified. */
function noticesOfPoll({ poll_id, author_id, voter_ids }: MessageOf<typeof PollEnded>['data']): Notice[] {
  const about = { object_id: poll_id };
  const voters = voter_ids.filter((id) => id !== author_id);
  const byAuthor = author_id === null ? {} : { actor_id: author_id };
  return [
    ...(author_id === null ? [] : [notice('poll-ended', author_id, { ...about, reason: 'asked' })]),
    ...voters.map((id) => notice('poll-ended', id, { ...about, ...byAuthor, reason: 'voted' })),
  ];
}

const notice = (
  type: string,
  userId: string,
  rest: Pick<Notice, 'object_id'> & Partial<Omit<Notice, 'object_id'>>,
): Notice => ({
  actor_id: undefined,
  subject_id: undefined,
  reason: undefined,
  ...rest,
  type,
  user_id: userId,
});
