import type { Caller } from '#kit/auth/caller';
import { coversScope } from '#kit/auth/scopes';
import { shownWebUrl } from '#kit/text/web-url';
import type { OwnProfile, Profile } from './model';
import type { UserRow } from './store';

export const profileView = (user: UserRow): Profile => ({
  id: user.id,
  username: user.username,
  display_name: user.displayName,
  bio: user.bio,
  avatar_url: shownWebUrl(user.avatarUrl),
  followers_count: user.followersCount,
  followees_count: user.followeesCount,
  posts_count: user.postsCount,
  locked: user.locked,
  created_at: user.createdAt.toISOString(),
});

export const ownProfileView = (user: UserRow): OwnProfile => ({
  ...profileView(user),
  email: user.email,
  email_verified: user.emailVerifiedAt !== null,
  pending_email: user.pendingEmail,
  first_name: user.firstName,
  last_name: user.lastName,
  phone_number: user.phoneNumber,
  date_of_birth: user.dateOfBirth,
  locale: user.locale,
  active: user.active,
});

/** What a person sees of themselves; or an app, which gets the email address with its scope, and nothing to reach them by. */
export function ownProfileFor({ app }: Caller, user: UserRow): OwnProfile {
  const profile = ownProfileView(user);
  if (app === undefined) return profile;
  const hidden = { ...profile, phone_number: null, date_of_birth: null };
  return coversScope(app.scopes, 'email') ? hidden : { ...hidden, email: '', pending_email: null };
}
