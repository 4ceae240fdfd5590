import { LRUCache } from 'lru-cache';
import type { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import type { GrpcClient } from '#kit/grpc/client';
import { usernameKey } from '#kit/text/identity';

/** A username keeps its owner for as long as their account exists, so only a deleted account makes an entry stale. */
const TTL_MS = 60_000;
const MAX_ENTRIES = 10_000;

/**
 * Resolves usernames to person ids, cached for a minute.
 *
 * @param now milliseconds, for the cache
 * @returns a function that throws the users service's `user.not-found`, or `DependencyUnavailable`
 */
export function createPersonLookup(
  users: Pick<GrpcClient<UsersServiceDefinition>, 'getUserByUsername'>,
  now: () => number,
): (username: string) => Promise<string> {
  // A resolution of 0 reads the clock on every access; the default caches it with a timer.
  const cache = new LRUCache<string, string>({
    max: MAX_ENTRIES,
    ttl: TTL_MS,
    ttlResolution: 0,
    perf: { now },
  });
  return async (name) => {
    const username = usernameKey(name);
    const cached = cache.get(username);
    if (cached !== undefined) return cached;
    const { user } = await users.getUserByUsername({ username });
    if (user === undefined) throw new Error('getUserByUsername responded without a user');
    cache.set(username, user.id);
    return user.id;
  };
}
