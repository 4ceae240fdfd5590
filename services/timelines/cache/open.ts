import { LIKES_FAMILY, LIKES_PRESENT, likeChangesChannel, PRESENT_EVERY_MS } from '#contracts/changes/likes';
import { type Changes, openChanges } from '#kit/redis/changes';
import type { Redis } from '#kit/redis/commands';
import { type Caches, createCaches } from './caches';
import {
  applyChanges,
  applyLikeChange,
  channelBeside,
  forgetEverything,
  linesOf,
  type TimelineChanges,
} from './changes';
import type { CacheDeps } from './deps';

/** Two announcements of its presence may be late. */
const SILENCE_MS = 3 * PRESENT_EVERY_MS;

/** Opens the caches of a process, and the notifications that keep them current. */
export function openCaches(
  deps: Omit<CacheDeps, 'mayRemember' | 'hearsLikes'>,
  redis: Redis,
): { caches: Caches; changes: TimelineChanges } {
  let heardMs = Number.NEGATIVE_INFINITY;
  const likesChannel = likeChangesChannel(redis.family(LIKES_FAMILY));
  const caches = createCaches({
    ...deps,
    mayRemember: () => notifications.isReceiving(),
    hearsLikes: () => performance.now() - heardMs < SILENCE_MS,
  });
  const notifications: Changes = openChanges(deps.runtime, redis, {
    channel: channelBeside(likesChannel),
    onChange: (message) => applyChanges(caches, message),
    others: {
      [likesChannel]: (message) => {
        if (message === LIKES_PRESENT) heardMs = performance.now();
        else applyLikeChange(caches, message);
      },
    },
    onLost() {
      heardMs = Number.NEGATIVE_INFINITY;
      forgetEverything(caches);
    },
  });
  return {
    caches,
    changes: {
      current: notifications.current,
      doubt: notifications.doubt,
      repliesProve: notifications.repliesProve,
      async announce(changes) {
        if (changes.length === 0) return;
        await notifications.publish(linesOf(changes)).catch((failure: unknown) => {
          deps.runtime.log.debug({ err: failure }, 'a change was not announced');
        });
      },
    },
  };
}
