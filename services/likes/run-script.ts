import { ErrorReply } from 'redis';
import { DependencyUnavailable } from '#kit/errors/problem';
import { publishIn, type RunScript } from '#kit/redis/script';
import type { LikesStorage } from './deps';

const RETRY_AFTER_SECONDS = 1;
/** Error codes of a Redis that is reachable and cannot serve at the moment: loading, out of memory, busy, failing over. */
const UNAVAILABLE_CODES: ReadonlySet<string> = new Set([
  'LOADING',
  'OOM',
  'BUSY',
  'MISCONF',
  'READONLY',
  'MASTERDOWN',
  'NOREPLICAS',
]);

/**
 * Waits for a reply of Redis.
 *
 * @throws DependencyUnavailable when Redis is unavailable, does not reply in time, or cannot serve at the moment
 */
export async function withReply<Result>(reply: Promise<Result>): Promise<Result> {
  try {
    return await reply;
  } catch (cause) {
    if (cause instanceof ErrorReply && !UNAVAILABLE_CODES.has(codeOf(cause))) throw cause;
    throw new DependencyUnavailable({ headers: { 'retry-after': String(RETRY_AFTER_SECONDS) }, cause });
  }
}

/** The Redis protocol (RESP) puts the code of an error in front of its message, and the client has no field for it. */
const codeOf = (failure: ErrorReply): string => failure.message.split(' ', 1)[0] ?? '';

/**
 * Runs a script.
 *
 * @throws as `withReply`
 */
export const callScript = (
  { redis, prefix }: LikesStorage,
  script: RunScript,
  ...args: readonly (string | number)[]
): Promise<unknown> => withReply(script(redis, [`${prefix}:`], [publishIn(redis), ...args.map(String)]));

/** Runs a script and returns its numbers and texts as texts. */
export async function runScript(
  storage: LikesStorage,
  script: RunScript,
  ...args: readonly (string | number)[]
): Promise<string[]> {
  const reply = await callScript(storage, script, ...args);
  return Array.isArray(reply) ? reply.map(String) : [String(reply)];
}

/** A reply that has two values for each row. */
export function pairsOf(reply: readonly string[]): [string, string][] {
  return reply.flatMap((value, index): [string, string][] =>
    index % 2 === 0 ? [[value, reply[index + 1] ?? '']] : [],
  );
}
