import { likeChangesChannel } from '#contracts/changes/likes';
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

/** Opens the caches of a process, and the notifications that keep them current. */
export function openCaches(
  deps: Omit<CacheDeps, 'mayRemember'>,
  redis: Redis,
): { caches: Caches; changes: TimelineChanges } {
  const caches = createCaches({ ...deps, mayRemember: () => notifications.isReceiving() });
  const notifications: Changes = openChanges(deps.runtime, redis, {
    channel: CHANNEL,
    onChange: (message) => applyChanges(caches, message),
    others: { [likeChangesChannel()]: (message) => applyLikeChange(caches, message) },
    onLost: () => forgetEverything(caches),
  });
  return {
    caches,
    changes: {
      current: notifications.current,
      async announce(changes) {
        if (changes.length === 0) return;
        await notifications.publish(linesOf(changes)).catch((failure: unknown) => {
          deps.runtime.log.debug({ err: failure }, 'a change was not announced');
        });
      },
    },
  };
}
