import type { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import type { GrpcClient } from '#kit/grpc/client';

/**
 * Resolves usernames to user ids: members are stored by id, because a username may be reassigned.
 *
 * @returns a function that throws the users service's `user.not-found`, or `DependencyUnavailable`
 */
export const createUserResolver =
  (users: Pick<GrpcClient<UsersServiceDefinition>, 'getUserByUsername'>) =>
  async (username: string): Promise<string> => {
    const { user } = await users.getUserByUsername({ username: username.toLowerCase() });
    if (user === undefined) throw new Error('users responded without a user');
    return user.id;
  };
