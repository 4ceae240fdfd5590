import { type Static, Type } from '@sinclair/typebox';
import { defineProblem } from '#kit/errors/problem';
import { PageOf } from '#kit/http/lists/pagination';
import { calendarDate, nullable } from '#kit/http/schemas';
import {
  displayName,
  emailAddress,
  languageTag,
  newUsername,
  phoneNumber,
  typedName,
  webUrl,
} from '#kit/text/fields';
import { newPassword, typedPassword } from '#kit/text/password';
import { lineOfText, text } from '#kit/text/schema';

export const UserNotFound = defineProblem('user.not-found', 404, 'User not found');
export const UsernameTaken = defineProblem('user.username-taken', 409, 'Username already taken');
export const EmailTaken = defineProblem('user.email-taken', 409, 'Email address already in use');
export const UsernameReserved = defineProblem('user.username-reserved', 422, 'Username reserved');
export const RegistrationClosed = defineProblem('registration.closed', 403, 'Registration closed');

export const Username = newUsername();
export const Email = emailAddress();
export const Password = newPassword();
const Name = lineOfText({ max: 80 });

const profileFields = {
  display_name: Type.Optional(displayName()),
  first_name: Type.Optional(Name),
  last_name: Type.Optional(Name),
  phone_number: Type.Optional(phoneNumber({ description: 'Stored in the form +4930123456 (E.164)' })),
  date_of_birth: Type.Optional(calendarDate({ from: '1900-01-01', until: 'today' })),
};

export const NewUser = Type.Object({
  username: Username,
  email: Email,
  password: Password,
  ...profileFields,
});
export type NewUser = Static<typeof NewUser>;

/** Somebody who signs in with another provider. */
export const NewUserWithoutPassword = Type.Object({
  username: Username,
  email: Email,
  email_verified: Type.Boolean(),
});
export type NewUserWithoutPassword = Static<typeof NewUserWithoutPassword>;

export const ProfileChange = Type.Object({
  ...profileFields,
  bio: Type.Optional(text({ min: 0, max: 500 })),
  locale: Type.Optional(languageTag()),
  avatar_url: Type.Optional(webUrl()),
  locked: Type.Optional(
    Type.Boolean({ description: 'Approve followers first; unlocking authorizes the pending requests' }),
  ),
});
export type ProfileChange = Static<typeof ProfileChange>;

/** Exactly one of `username` and `email`; the service rejects both and neither. */
export const SignIn = Type.Object({
  username: Type.Optional(typedName()),
  email: Type.Optional(typedName()),
  password: typedPassword(),
});
export type SignIn = Static<typeof SignIn>;

export const AccountDeletion = Type.Optional(
  Type.Object({ current_password: Type.Optional(typedPassword()) }),
);

export const TokenPair = Type.Object({
  access_token: Type.String(),
  refresh_token: Type.String(),
  token_type: Type.String({ examples: ['Bearer'] }),
  expires_in: Type.Integer({ description: 'Seconds' }),
});

/** The public part of a user. */
export const Profile = Type.Object({
  id: Type.String(),
  username: Type.String(),
  display_name: Type.String(),
  bio: Type.String(),
  avatar_url: nullable(Type.String()),
  followers_count: Type.Integer(),
  followees_count: Type.Integer(),
  posts_count: Type.Integer(),
  locked: Type.Boolean({ description: 'Whether following needs approval' }),
  created_at: Type.String({ format: 'date-time' }),
});
export type Profile = Static<typeof Profile>;

/** All of a user, visible to the user and to operators. */
export const OwnProfile = Type.Composite([
  Profile,
  Type.Object({
    email: Type.String({ description: 'Empty for an app without the scope `email`' }),
    email_verified: Type.Boolean({ description: 'Whether the address has been confirmed' }),
    pending_email: nullable(Type.String(), { description: 'A new address that is not confirmed yet' }),
    first_name: nullable(Type.String()),
    last_name: nullable(Type.String()),
    phone_number: nullable(Type.String(), { description: 'Null for apps' }),
    date_of_birth: nullable(Type.String(), { description: 'Null for apps' }),
    locale: Type.String(),
    active: Type.Boolean(),
  }),
]);
export type OwnProfile = Static<typeof OwnProfile>;

export const ProfilePage = PageOf(Profile);
export const OwnProfilePage = PageOf(OwnProfile);

export const Export = Type.Object({
  profile: OwnProfile,
  roles: Type.Array(Type.String()),
  followees: Type.Array(Type.String()),
  followers: Type.Array(Type.String()),
  follow_requests_sent: Type.Array(Type.String()),
  follow_requests_received: Type.Array(Type.String()),
  blocked: Type.Array(Type.String()),
  muted: Type.Array(Type.String()),
  notifications: Type.Array(
    Type.Object({
      id: Type.String(),
      type: Type.String({ examples: ['like'] }),
      text: Type.String({ examples: ['alice and 7 others liked your post'] }),
      object_id: Type.String(),
      unread: Type.Boolean(),
      created_at: Type.String(),
      updated_at: Type.String(),
    }),
  ),
  notification_settings: Type.Record(Type.String(), Type.String(), { examples: [{ like: 'mail' }] }),
});
export type Export = Static<typeof Export>;
