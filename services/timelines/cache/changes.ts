import { parseLikeChange } from '#contracts/changes/likes';
import type { Changes } from '#kit/redis/changes';
import { addPost } from '../lists/newest';
import { type Caches, PUBLIC } from './caches';

/**
 * On which the processes of this service announce changes to each other, beside the channel of changes of likes: in a cluster
 * on the same server.
 */
export const channelBeside = (likes: string): string =>
  likes.startsWith('{') ? `timelines:${likes}` : 'timelines:changes';

/** A change of what the processes of this service remember. */
export type Change =
  | {
      readonly kind: 'created';
      readonly postId: string;
      readonly authorId: string;
      readonly visibility: 'public' | 'followers';
    }
  /** Its content or its counts, or it was deleted. */
  | { readonly kind: 'post'; readonly postId: string }
  | { readonly kind: 'person'; readonly personId: string }
  /** Of a person with others, as their viewer. */
  | { readonly kind: 'relations'; readonly personId: string };

export interface TimelineChanges extends Pick<Changes, 'current' | 'doubt' | 'repliesProve'> {
  /**
   * Announces committed changes to all processes, this one included. Best effort: while Redis is unavailable no process
   * remembers anything.
   */
  announce(changes: readonly Change[]): Promise<void>;
}

/** The text of a notification: a line for each change. */
export const linesOf = (changes: readonly Change[]): string => changes.map(lineOf).join('\n');

function lineOf(change: Change): string {
  switch (change.kind) {
    case 'created':
      return `created ${change.postId} ${change.authorId} ${change.visibility}`;
    case 'post':
      return `post ${change.postId}`;
    case 'person':
    case 'relations':
      return `${change.kind} ${change.personId}`;
  }
}

/** Drops what has changed. */
export function applyChanges(caches: Caches, message: string): void {
  for (const line of message.split('\n')) apply(caches, line);
}

/** A line of an unknown form is of a later version, which runs beside this one while it is replaced. */
function apply(caches: Caches, line: string): void {
  const [kind, id = '', authorId = '', visibility] = line.split(' ');
  if (kind === 'created') {
    caches.posts.forget(id);
    addToNewest(caches, authorId, id);
    if (visibility === 'public') addToNewest(caches, PUBLIC, id);
  } else if (kind === 'post') caches.posts.forget(id);
  else if (kind === 'person') caches.people.forget(id);
  else if (kind === 'relations') caches.relations.forget(id);
  else forgetEverything(caches);
}

/** A list that is being loaded may be without the post. */
function addToNewest({ newest }: Caches, key: string, id: string): void {
  const list = newest.peek(key);
  if (list === undefined) newest.forget(key);
  else addPost(list, id);
}

export function applyLikeChange({ likeCounts, likedPosts }: Caches, message: string): void {
  const change = parseLikeChange(message);
  if (change === 'everything') {
    likeCounts.forgetAll();
    likedPosts.forgetAll();
  } else {
    likeCounts.forget(change.postId);
    likedPosts.forget(change.userId);
  }
}

export function forgetEverything(caches: Caches): void {
  for (const cache of Object.values(caches)) cache.forgetAll();
}
