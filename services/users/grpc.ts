import { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import { ValidationFailed } from '#kit/errors/problem';
import { validated } from '#kit/errors/validation';
import { callerOf } from '#kit/grpc/access';
import { USER_AUTHORIZATION } from '#kit/grpc/metadata';
import { grpcService } from '#kit/grpc/server';
import { requireRecentSignIn } from '#kit/http/recent-sign-in';
import { emailKey } from '#kit/text/email';
import { shownWebUrl } from '#kit/text/web-url';
import {
  AccountDeletion,
  NewUser,
  NewUserWithoutPassword,
  type OwnProfile,
  ProfileChange,
} from './accounts/model';
import {
  deleteOwnAccount,
  register,
  registerWithoutPassword,
  requireActiveUser,
  requireUser,
  updateOwnProfile,
} from './accounts/service';
import { findByIds, type UserRow } from './accounts/store';
import { isVerified } from './addresses/store';
import type { UsersDeps } from './deps';
import { findRelationship } from './relationships/store';
import { findAuthorizations } from './roles/assignments-store';

/** Several times the number of users on one page of any list. */
const MAX_IDS = 500;

/** The users service's gRPC methods, for other services. */
export const usersGrpc = (deps: UsersDeps) =>
  grpcService(UsersServiceDefinition, {
    async getUsers({ ids }) {
      if (ids.length > MAX_IDS)
        throw new ValidationFailed({ errors: [{ field: 'ids', message: `At most ${MAX_IDS}` }] });
      const users = await findByIds(deps.database, ids);
      return { users: users.map(profileOf) };
    },
    async getUserByUsername({ username }) {
      return { user: profileOf(await requireActiveUser(deps, username)) };
    },
    async createUser(request, call) {
      const from = { address: call.origin?.address ?? '', lifetime: call };
      const user = await register(deps, validated(NewUser, request), from);
      return { user: profileOf(await requireUser(deps, user.id)) };
    },
    async createUserWithoutPassword(request) {
      const input = validated(NewUserWithoutPassword, request);
      return { user: profileOf(await registerWithoutPassword(deps, input)) };
    },
    async getContact({ user_id }) {
      const user = await requireUser(deps, user_id);
      return { email: user.email, display_name: user.displayName, locale: user.locale };
    },
    async checkAddress({ address }) {
      return { verified: await isVerified(deps.database, emailKey(address)) };
    },
    async checkRelationship({ user_id, other_id }) {
      const relationship = await findRelationship(deps.database, user_id, other_id);
      return {
        blocked_by_user: relationship.blockedByOne,
        blocked_by_other: relationship.blockedByOther,
        muted_by_user: relationship.mutedByOne,
        user_follows_other: relationship.oneFollowsOther,
        other_follows_user: relationship.otherFollowsOne,
        user_requested_other: relationship.oneRequestedOther,
        other_requested_user: relationship.otherRequestedOne,
      };
    },
    async getAuthorizations({ user_id }) {
      const user = await requireUser(deps, user_id);
      const authorizations = await findAuthorizations(deps.database, user_id);
      return { ...authorizations, active: user.active, version: user.version };
    },
    async updateMe(request, call) {
      const caller = await callerOf(call, deps.tokens);
      const profile = await updateOwnProfile(deps, caller, validated(ProfileChange, request));
      return { profile: ownProfileOf(profile) };
    },
    async deleteMe(request, call) {
      const { current_password: password } = validated(AccountDeletion, request) ?? {};
      const caller = await callerOf(call, deps.tokens);
      if (password === undefined) requireRecentSignIn(caller, 'or-password');
      const authorization = call.metadata(USER_AUTHORIZATION) ?? null;
      await deleteOwnAccount(deps, caller, { password, authorization, signal: call.signal });
      return {};
    },
  });

const profileOf = (user: UserRow) => ({
  id: user.id,
  username: user.username,
  display_name: user.displayName,
  avatar_url: shownWebUrl(user.avatarUrl) ?? undefined,
  version: user.version,
  locked: user.locked,
});

/** An unset field in gRPC is null in JSON. */
const ownProfileOf = (profile: OwnProfile) => ({
  ...profile,
  avatar_url: profile.avatar_url ?? undefined,
  pending_email: profile.pending_email ?? undefined,
  first_name: profile.first_name ?? undefined,
  last_name: profile.last_name ?? undefined,
  phone_number: profile.phone_number ?? undefined,
  date_of_birth: profile.date_of_birth ?? undefined,
});
