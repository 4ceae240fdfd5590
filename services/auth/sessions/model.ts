import { type Static, Type } from '@sinclair/typebox';
import { defineProblem } from '#kit/errors/problem';
import { PageOf } from '#kit/http/lists/pagination';
import { nullable } from '#kit/http/schemas';
import { displayName, emailAddress, newUsername, typedName } from '#kit/text/fields';
import { newPassword, typedPassword } from '#kit/text/password';

export const InvalidCredentials = defineProblem('auth.wrong-credentials', 401, 'Invalid credentials');
export const AccountDeactivated = defineProblem('auth.deactivated', 403, 'Account deactivated');
export const InvalidRefreshToken = defineProblem(
  'auth.refresh-refused',
  401,
  'Refresh token invalid or expired',
);
export const SessionNotFound = defineProblem('auth.session-not-found', 404, 'Session not found');

/** The users service owns registration and validates it by the same rules. */
export const Registration = Type.Object({
  username: newUsername(),
  email: emailAddress(),
  password: newPassword(),
  display_name: Type.Optional(displayName()),
});
export type Registration = Static<typeof Registration>;

/** Exactly one of `username` and `email`; the service rejects both and neither. */
export const SignIn = Type.Object({
  username: Type.Optional(typedName()),
  email: Type.Optional(typedName()),
  password: typedPassword(),
});
export type SignIn = Static<typeof SignIn>;

export const RefreshRequest = Type.Optional(
  Type.Object({
    refresh_token: Type.Optional(
      Type.String({ minLength: 1, maxLength: 256, description: 'Not required if the cookie is sent' }),
    ),
  }),
);

export const TokenPair = Type.Object({
  access_token: Type.String(),
  refresh_token: Type.String({ description: 'Single use; also set as a cookie' }),
  token_type: Type.String({ examples: ['Bearer'] }),
  expires_in: Type.Integer({ description: 'Seconds' }),
});
export type TokenPair = Static<typeof TokenPair>;

export const SignedIn = Type.Composite([
  TokenPair,
  Type.Object({ user: Type.Object({ id: Type.String(), username: Type.String() }) }),
]);
export type SignedIn = Static<typeof SignedIn>;

export const Me = Type.Object({
  id: Type.String(),
  username: Type.String(),
  email: nullable(Type.String()),
  roles: Type.Array(Type.String()),
  permissions: Type.Array(Type.String()),
  session_id: Type.String(),
});
export type Me = Static<typeof Me>;

export const Session = Type.Object({
  id: Type.String(),
  address: Type.String(),
  user_agent: nullable(Type.String()),
  created_at: Type.String({ format: 'date-time' }),
  last_used_at: Type.String({ format: 'date-time' }),
  current: Type.Boolean({ description: 'Whether this request belongs to the session' }),
});
export type Session = Static<typeof Session>;
export const SessionPage = PageOf(Session);
