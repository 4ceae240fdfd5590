import { type Static, Type } from '@sinclair/typebox';
import { isScope, SCOPES } from '#kit/auth/scopes';
import { inMediaTypes } from '#kit/http/body/read-body';

/** One of the scopes that people can allow apps. */
export const KnownScope = Type.Union(
  Object.keys(SCOPES)
    .filter(isScope)
    .map((scope) => Type.Literal(scope)),
  { description: 'What an app needs that acts for the user; without it tokens of apps are refused' },
);

export const TokenRequest = Type.Object({
  // Far longer than any issued token.
  token: Type.String({ minLength: 1, maxLength: 8192 }),
  token_type_hint: Type.Optional(Type.String({ maxLength: 64, examples: ['access_token', 'refresh_token'] })),
});

export const VerificationRequest = Type.Object({
  token: TokenRequest.properties.token,
  token_type_hint: TokenRequest.properties.token_type_hint,
  scope: Type.Optional(KnownScope),
});

/**
 * RFC 7009 and RFC 7662 use forms. Other routes accept JSON only: any web page could submit a form from a browser.
 */
export const TokenForm = inMediaTypes(TokenRequest, 'application/json', 'application/x-www-form-urlencoded');

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
export type VerifiedToken = Static<typeof VerifiedToken>;

/** RFC 7662, section 2.2. */
export const Introspection = Type.Object({
  active: Type.Boolean(),
  token_type: Type.Optional(Type.String()),
  client_id: Type.Optional(Type.String()),
  scope: Type.Optional(Type.String({ description: 'Of an app' })),
  username: Type.Optional(Type.String()),
  sub: Type.Optional(Type.String()),
  sid: Type.Optional(Type.String()),
  jti: Type.Optional(Type.String()),
  iss: Type.Optional(Type.String()),
  aud: Type.Optional(Type.String()),
  iat: Type.Optional(Type.Integer()),
  /** RFC 9470, section 6.2. */
  auth_time: Type.Optional(Type.Integer()),
  exp: Type.Optional(Type.Integer()),
});
export type Introspection = Static<typeof Introspection>;
