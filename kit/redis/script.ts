import { createHash } from 'node:crypto';
import type { Redis } from './client';

/**
 * A Lua script, which Redis runs atomically. It is called by its hash; a server that does not have it (new, restarted,
 * flushed) receives its source.
 *
 * @returns a function that runs it; rejects as every command does while Redis is unavailable
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
      // The error code of the protocol: the client has no class for it.
      if (!(failure instanceof Error) || !failure.message.startsWith('NOSCRIPT')) throw failure;
      return redis.eval(source, options);
    }
  };
}
