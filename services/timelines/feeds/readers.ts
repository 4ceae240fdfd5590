import { LRUCache } from 'lru-cache';
import type { Redis } from '#kit/redis/commands';
import type { Readers } from '../deps';
import { extendFeed } from './store';

/** A feed lives for a week after it was read; its lifetime is extended once in this time, not by every read. */
const EXTEND_EVERY_MS = 3_600_000;
const MAX_READERS = 20_000;

/** Keeps the feeds of active readers. Best effort: a feed that expires is built again. */
export function createReaders(redis: Redis, now: () => number = () => performance.now()): Readers {
  const extendedMs = new LRUCache<string, number>({ max: MAX_READERS });
  return {
    note(readerId) {
      const last = extendedMs.get(readerId);
      if (last !== undefined && now() - last < EXTEND_EVERY_MS) return;
      extendedMs.set(readerId, now());
      extendFeed(redis, readerId).catch(() => extendedMs.delete(readerId));
    },
  };
}
