import type { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import type { GrpcClient } from '#kit/grpc/client';

/** A username never moves to another person while its owner is there; what is kept only outlives one who has left. */
const KEPT_MS = 60_000;
const MOST_KEPT = 10_000;

/**
 * Finds the id behind a username, and remembers it for a minute.
 *
 * @returns a function that throws the users service's `user.not-found`, or `DependencyUnavailable` when it is away
 */
export function findPeople(
  users: Pick<GrpcClient<UsersServiceDefinition>, 'getUserByUsername'>,
  now: () => number,
): (username: string) => Promise<string> {
  const kept = new Map<string, { id: string; untilMs: number }>();
  return async (name) => {
    const username = name.toLowerCase();
    const known = kept.get(username);
    if (known !== undefined && known.untilMs > now()) return known.id;
    const { user } = await users.getUserByUsername({ username });
    if (user === undefined) throw new Error('users answered a username without a person');
    kept.delete(username);
    kept.set(username, { id: user.id, untilMs: now() + KEPT_MS });
    const [oldest] = kept.keys();
    if (kept.size > MOST_KEPT && oldest !== undefined) kept.delete(oldest);
    return user.id;
  };
}
