import type { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import type { GrpcClient } from '#kit/grpc/client';

/**
 * Finds the id behind a username: members are kept by it, because a name may pass to somebody else.
 *
 * @returns a function that throws the users service's `user.not-found`, or `DependencyUnavailable` when it is away
 */
export const findPeople =
  (users: Pick<GrpcClient<UsersServiceDefinition>, 'getUserByUsername'>) =>
  async (username: string): Promise<string> => {
    const { user } = await users.getUserByUsername({ username: username.toLowerCase() });
    if (user === undefined) throw new Error('users answered a username without a person');
    return user.id;
  };
