import type { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import type { GrpcClient } from '#kit/grpc/client';
import { usernameKey } from '#kit/text/identity';

export interface InvitedUser {
  readonly id: string;
  readonly username: string;
  /** Whether they follow the inviter, which is a consent to be added. */
  readonly followsInviter: boolean;
  /** In either direction. */
  readonly blocked: boolean;
}

/**
 * Finds the user of a username, as the inviter is related to them. Members are stored by id, because a username may be
 * reassigned. It throws the users service's `user.not-found`, or `DependencyUnavailable`.
 */
export type FindInvitedUser = (inviterId: string, username: string) => Promise<InvitedUser>;

export const createUserLookup =
  (
    users: Pick<GrpcClient<UsersServiceDefinition>, 'getUserByUsername' | 'checkRelationship'>,
  ): FindInvitedUser =>
  async (inviterId, name) => {
    const username = usernameKey(name);
    const { user } = await users.getUserByUsername({ username });
    if (user === undefined) throw new Error('users responded without a user');
    const relationship = await users.checkRelationship({ user_id: inviterId, other_id: user.id });
    return {
      id: user.id,
      username,
      followsInviter: relationship.other_follows_user,
      blocked: relationship.blocked_by_user || relationship.blocked_by_other,
    };
  };
