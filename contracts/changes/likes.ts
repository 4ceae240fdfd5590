/**
 * Change notifications of likes: what a process that remembers likes must forget. They are published over Redis pub/sub
 * within the script that makes the change, so everything that is read afterwards includes it, and a reply that a
 * connection receives after a notification is from after that change. To be exact, a reader
 *
 * - subscribes (RESP3) on the connection whose later replies it relies on, and forgets everything when that breaks;
 * - discards what it was loading when a notification named it;
 * - uses them for nothing else: they are delivered at most once. What must not be lost is an event (`contracts/events`).
 */
export type LikeChange =
  /** A like was given, accepted, moved or removed: the count of the post and the person's own likes have changed. */
  | { readonly postId: string; readonly userId: string }
  /** Any like may have changed. */
  | 'everything';

/** What the names of the keys and of the channel of likes begin with; in a Redis Cluster it is their hash tag. */
export const LIKES_FAMILY = 'likes';

/** @param prefix what the names of the keys of likes begin with */
export const likeChangesChannel = (prefix = LIKES_FAMILY): string => `${prefix}:changes`;

/** The notification that names everything. One that names a like is `<post id> <person id>`. */
export const EVERY_LIKE_CHANGED = '* *';

/**
 * Says that likes publishes its notifications where this arrives. A reader that has not heard it lately may be connected to
 * another Redis, and must not rely on them.
 */
export const LIKES_PRESENT = 'present';
/** How often it is published. */
export const PRESENT_EVERY_MS = 500;

/** The change of a notification; one of an unknown form, of a later version, names everything. */
export function parseLikeChange(notification: string): LikeChange {
  const [, postId, userId] = /^([1-9][0-9]{0,15}) ([0-9a-f-]{36})$/.exec(notification) ?? [];
  return postId === undefined || userId === undefined ? 'everything' : { postId, userId };
}
