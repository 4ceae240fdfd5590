import { createHash } from 'node:crypto';
import type { Redis } from './client';

/**
 * A Lua script that Redis runs as one step. It is sent once and called by its hash from then on; a Redis that has
 * forgotten it (restarted, flushed) gets it again.
 *
 * @returns a function that runs it; rejects as every command does when Redis is away
 */
export function redisScript(
  source: string,
): (redis: Redis, keys: readonly string[], args: readonly string[]) => Promise<unknown> {
  const hash = createHash('sha1').update(source).digest('hex');
  return async (redis, keys, args) => {
    const options = { keys: [...keys], arguments: [...args] };
    try {
      return await redis.evalSha(hash, options);
    } catch (failure) {
      if (!(failure instanceof Error) || !failure.message.startsWith('NOSCRIPT')) throw failure;
      return redis.eval(source, options);
    }
  };
}
