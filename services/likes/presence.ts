import { LIKES_PRESENT, likeChangesChannel, PRESENT_EVERY_MS } from '#contracts/changes/likes';
import { repeatEvery } from '#kit/core/repeat';
import type { Runtime } from '#kit/core/runtime';
import type { LikesStorage } from './deps';

/** Lets those who remember likes know that the notifications of changes reach them. */
export function announcePresence(runtime: Runtime, { redis, prefix }: LikesStorage): void {
  repeatEvery(runtime, 'announcing presence', { everyMs: PRESENT_EVERY_MS }, async () => {
    if (redis.isReady) await redis.publish(likeChangesChannel(prefix), LIKES_PRESENT);
  });
}
