import { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import type { TokenVerifier } from '#kit/auth/tokens';
import { ValidationFailed } from '#kit/errors/problem';
import { validated } from '#kit/errors/validation';
import { callerOf } from '#kit/grpc/access';
import { grpcService } from '#kit/grpc/server';
import type { UsersDeps } from './accounts/lifecycle';
import { NewUser, type OwnProfile, ProfileChange, UserNotFound } from './accounts/model';
import { findActive, register, updateOwnProfile } from './accounts/service';
import * as store from './accounts/store';
import { findRelationship } from './relationships/store';

/** As many people as one page of anything can show, several times over. */
const MOST_IDS = 500;

/** What other services ask about people. */
export const usersGrpc = (deps: UsersDeps & { tokens: TokenVerifier }) =>
  grpcService(UsersServiceDefinition, {
    async getUsers({ ids }) {
      if (ids.length > MOST_IDS)
        throw new ValidationFailed({ errors: [{ field: 'ids', message: `At most ${MOST_IDS}` }] });
      const users = await store.findByIds(deps.database, ids);
      return { users: users.map(profileOf) };
    },
    async getUserByUsername({ username }) {
      return { user: profileOf(await findActive(deps, username)) };
    },
    async createUser(request) {
      const user = await register(deps, validated(NewUser, request));
      return { user: profileOf(await mustFind(deps, user.id)) };
    },
    async getContact({ user_id }) {
      const user = await mustFind(deps, user_id);
      return { email: user.email, display_name: user.displayName, locale: user.locale };
    },
    async checkRelationship({ user_id, other_id }) {
      const between = await findRelationship(deps.database, user_id, other_id);
      return {
        blocked_by_user: between.blockedByOne,
        blocked_by_other: between.blockedByOther,
        muted_by_user: between.mutedByOne,
        user_follows_other: between.oneFollowsOther,
        other_follows_user: between.otherFollowsOne,
      };
    },
    async getAuthorizations({ user_id }) {
      const user = await mustFind(deps, user_id);
      const granted = await store.findAuthorizations(deps.database, user_id);
      return { ...granted, active: user.active, version: user.version };
    },
    async updateMe(request, call) {
      const caller = await callerOf(call, deps.tokens);
      const profile = await updateOwnProfile(deps, caller, validated(ProfileChange, request));
      return { profile: ownProfileOf(profile) };
    },
  });

async function mustFind(deps: UsersDeps, id: string): Promise<store.UserRow> {
  const user = await store.findById(deps.database, id);
  if (user === undefined) throw new UserNotFound();
  return user;
}

const profileOf = (user: store.UserRow) => ({
  id: user.id,
  username: user.username,
  display_name: user.displayName,
  ...(user.avatarUrl !== null && { avatar_url: user.avatarUrl }),
  version: user.version,
});

/** Unset is to gRPC what null is to JSON. */
const ownProfileOf = (profile: OwnProfile) => ({
  ...profile,
  avatar_url: profile.avatar_url ?? undefined,
  first_name: profile.first_name ?? undefined,
  last_name: profile.last_name ?? undefined,
  phone_number: profile.phone_number ?? undefined,
  date_of_birth: profile.date_of_birth ?? undefined,
});
