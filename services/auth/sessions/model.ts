import { type Static, Type } from '@sinclair/typebox';
import { defineProblem } from '#kit/errors/problem';
import { PageOf } from '#kit/http/pagination';

export const WrongCredentials = defineProblem(
  'auth.wrong-credentials',
  401,
  'The name or the password is wrong',
);
export const Deactivated = defineProblem('auth.deactivated', 403, 'This account may not sign in');
export const TooManyAttempts = defineProblem(
  'auth.too-many-attempts',
  429,
  'Too many attempts: wait a little',
);
export const RefreshRefused = defineProblem(
  'auth.refresh-refused',
  401,
  'This session has ended: sign in again',
);
export const WrongPassword = defineProblem('auth.wrong-password', 403, 'The current password is wrong');
export const ResetRefused = defineProblem(
  'auth.reset-refused',
  410,
  'This link has been used or is too old: ask for another',
);
export const SessionNotFound = defineProblem('auth.session-not-found', 404, 'You have no such session');

const Secret = Type.String({ minLength: 1, maxLength: 256 });
const NewPassword = Type.String({
  minLength: 8,
  maxLength: 256,
  error: 'Eight to 256 characters',
  examples: ['correct horse battery staple'],
});
/** Far above any token of ours. */
const Token = Type.String({ minLength: 1, maxLength: 8192 });

/** Held to its exact form by the users service, which owns it. */
export const Registration = Type.Object({
  username: Type.String({ maxLength: 100, examples: ['alice'] }),
  email: Type.String({ maxLength: 320, examples: ['alice@example.com'] }),
  password: Type.String({ maxLength: 256, examples: ['correct horse battery staple'] }),
  display_name: Type.Optional(Type.String({ maxLength: 100 })),
});
export type Registration = Static<typeof Registration>;

/** Either name will do; the service tells when both or neither are given. */
export const SignIn = Type.Object({
  username: Type.Optional(Type.String({ minLength: 1, maxLength: 254, examples: ['alice'] })),
  email: Type.Optional(Type.String({ minLength: 3, maxLength: 320 })),
  password: Secret,
});
export type SignIn = Static<typeof SignIn>;

export const RefreshRequest = Type.Optional(
  Type.Object({
    refresh_token: Type.Optional(
      Type.String({ minLength: 1, maxLength: 256, description: 'Not needed where the cookie is sent' }),
    ),
  }),
);

export const TokenRequest = Type.Object({
  token: Token,
  token_type_hint: Type.Optional(Type.String({ maxLength: 64, examples: ['access_token', 'refresh_token'] })),
});

export const PasswordChange = Type.Object({ current_password: Secret, new_password: NewPassword });
export type PasswordChange = Static<typeof PasswordChange>;

export const ForgottenPassword = Type.Object({
  email: Type.String({ minLength: 3, maxLength: 320, examples: ['alice@example.com'] }),
});
export type ForgottenPassword = Static<typeof ForgottenPassword>;

export const PasswordReset = Type.Object({
  token: Type.String({ minLength: 1, maxLength: 256, description: 'From the link in the mail' }),
  new_password: NewPassword,
});
export type PasswordReset = Static<typeof PasswordReset>;

export const TokenPair = Type.Object({
  access_token: Type.String(),
  refresh_token: Type.String({ description: 'Also in the cookie; used once' }),
  token_type: Type.String({ examples: ['Bearer'] }),
  expires_in: Type.Integer({ description: 'Seconds' }),
});
export type TokenPair = Static<typeof TokenPair>;

const Person = Type.Object({ id: Type.String(), username: Type.String() });
export const SignedIn = Type.Composite([TokenPair, Type.Object({ user: Person })]);

export const Me = Type.Object({
  id: Type.String(),
  username: Type.String(),
  email: Type.Union([Type.String(), Type.Null()]),
  roles: Type.Array(Type.String()),
  permissions: Type.Array(Type.String()),
  session_id: Type.String(),
});

export const VerifiedToken = Type.Object({
  user_id: Type.String(),
  username: Type.String(),
  session_id: Type.String(),
  token_id: Type.String(),
  roles: Type.Array(Type.String()),
  permissions: Type.Array(Type.String()),
  issued_at: Type.Integer({ description: 'Seconds since 1970' }),
  expires_at: Type.Integer({ description: 'Seconds since 1970' }),
});

/** RFC 7662, section 2.2. */
export const Introspection = Type.Object({
  active: Type.Boolean(),
  token_type: Type.Optional(Type.String()),
  client_id: Type.Optional(Type.String()),
  username: Type.Optional(Type.String()),
  sub: Type.Optional(Type.String()),
  sid: Type.Optional(Type.String()),
  jti: Type.Optional(Type.String()),
  iss: Type.Optional(Type.String()),
  aud: Type.Optional(Type.String()),
  iat: Type.Optional(Type.Integer()),
  exp: Type.Optional(Type.Integer()),
});
export type Introspection = Static<typeof Introspection>;

export const Session = Type.Object({
  id: Type.String(),
  address: Type.String(),
  user_agent: Type.Union([Type.String(), Type.Null()]),
  created_at: Type.String({ format: 'date-time' }),
  last_used_at: Type.String({ format: 'date-time' }),
  current: Type.Boolean({ description: 'Whether this request belongs to it' }),
});
export type Session = Static<typeof Session>;
export const SessionPage = PageOf(Session);

export const KeySet = Type.Object({ keys: Type.Array(Type.Record(Type.String(), Type.Unknown())) });
