import { type Static, Type } from '@sinclair/typebox';
import { PageOf, PageQuery } from '#kit/http/lists/pagination';
import { text } from '#kit/text/schema';
import { Email, Password, ProfileChange, Username } from '../accounts/model';

export const UserQuery = Type.Composite([
  PageQuery,
  Type.Object({ query: Type.Optional(text({ max: 100 })) }),
]);
export type UserQuery = Static<typeof UserQuery>;

export const UserChange = Type.Composite([
  ProfileChange,
  Type.Object({ active: Type.Optional(Type.Boolean()) }),
]);
export type UserChange = Static<typeof UserChange>;

const SUPERUSER =
  'Administrator: holds the role `admin`, which has every permission. Set by administrators only';

/** The sign-in data of a user. */
export const Account = Type.Object({
  user_id: Type.String(),
  username: Type.String(),
  email: Type.String(),
  email_verified: Type.Boolean(),
  active: Type.Boolean({ description: 'Whether the user can sign in' }),
  superuser: Type.Boolean({ description: SUPERUSER }),
  roles: Type.Array(Type.String()),
  created_at: Type.String({ format: 'date-time' }),
});
export type Account = Static<typeof Account>;

export const AccountPage = PageOf(Account);

export const NewAccount = Type.Object({
  username: Username,
  email: Email,
  password: Password,
  active: Type.Optional(Type.Boolean({ default: true })),
  superuser: Type.Optional(Type.Boolean({ default: false, description: SUPERUSER })),
});
export type NewAccount = Static<typeof NewAccount>;

export const AccountChange = Type.Object({
  email: Type.Optional(Email),
  email_verified: Type.Optional(
    Type.Boolean({ description: 'Vouch for the address, or have it verified again' }),
  ),
  password: Type.Optional(Password),
  active: Type.Optional(Type.Boolean()),
  superuser: Type.Optional(Type.Boolean({ description: SUPERUSER })),
});
export type AccountChange = Static<typeof AccountChange>;
