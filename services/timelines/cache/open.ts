import { LIKES_PRESENT, likeChangesChannel, PRESENT_EVERY_MS } from '#contracts/changes/likes';
import { type Changes, openChanges } from '#kit/redis/changes';
import type { Redis } from '#kit/redis/client';
import { type Caches, createCaches } from './caches';
import {
  applyChanges,
  applyLikeChange,
  CHANNEL,
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
  const caches = createCaches({
    ...deps,
    mayRemember: () => notifications.isReceiving(),
    hearsLikes: () => performance.now() - heardMs < SILENCE_MS,
  });
  const notifications: Changes = openChanges(deps.runtime, redis, {
    channel: CHANNEL,
    onChange: (message) => applyChanges(caches, message),
    others: {
      [likeChangesChannel()]: (message) => {
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
      async announce(changes) {
        if (changes.length === 0) return;
        await notifications.publish(linesOf(changes)).catch((failure: unknown) => {
          deps.runtime.log.debug({ err: failure }, 'a change was not announced');
        });
      },
    },
  };
}
