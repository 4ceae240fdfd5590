import { createHash } from 'node:crypto';
import type { Redis, Scripting } from './commands';

/** Runs a script; rejects as every command does while Redis is unavailable. */
export type RunScript = (
  redis: Scripting,
  keys: readonly string[],
  args: readonly string[],
) => Promise<unknown>;

/**
 * A Lua script, which Redis runs atomically. It is called by its hash; a server that does not have it (new, restarted,
 * flushed) receives its source. In a cluster it runs where its keys are: at least one is declared, and all that it uses
 * share its slot.
 */
export function redisScript(source: string): RunScript {
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

/** The command with which a script publishes to a channel that shares the slot of its keys. */
export const publishIn = ({ isCluster }: Pick<Redis, 'isCluster'>): string =>
  isCluster ? 'SPUBLISH' : 'PUBLISH';
