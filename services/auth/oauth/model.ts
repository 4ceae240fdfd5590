import { type Static, Type } from '@sinclair/typebox';
import { inMediaTypes } from '#kit/http/body/read-body';
import { typedName } from '#kit/text/fields';
import { typedPassword } from '#kit/text/password';

/** RFC 6749, section 5.2. */
export const OAuthFailure = Type.Object(
  {
    error: Type.String({ examples: ['invalid_request'] }),
    error_description: Type.Optional(Type.String()),
  },
  { description: 'An error in the form of the protocol (RFC 6749, 5.2)' },
);

/** The standard has forms; clients of Mastodon also send JSON and multipart forms. None of these endpoints reads cookies. */
const OF_CLIENTS = ['application/x-www-form-urlencoded', 'application/json', 'multipart/form-data'] as const;

const secret = (description?: string) =>
  Type.Optional(Type.String({ maxLength: 8_192, ...(description !== undefined && { description }) }));

/** How an app says who it is, unless it does in `Authorization: Basic`. */
const ClientFields = {
  client_id: Type.Optional(Type.String({ maxLength: 100 })),
  client_secret: secret(),
};

const Scope = Type.Optional(Type.String({ maxLength: 2_000, description: 'Names separated by blanks' }));

export const TokenForm = inMediaTypes(
  Type.Object(
    {
      grant_type: Type.Optional(Type.String({ maxLength: 100, examples: ['authorization_code'] })),
      ...ClientFields,
      code: secret(),
      redirect_uri: Type.Optional(Type.String({ maxLength: 2_000 })),
      code_verifier: Type.Optional(Type.String({ maxLength: 128 })),
      refresh_token: secret(),
      device_code: secret(),
      username: Type.Optional(typedName()),
      password: Type.Optional(typedPassword()),
      scope: Scope,
    },
    { additionalProperties: true },
  ),
  ...OF_CLIENTS,
);
export type TokenForm = Static<typeof TokenForm>;

/** RFC 6749, section 5.1, OpenID Connect Core, section 3.1.3.3, and `created_at` of Mastodon. */
export const TokenResponse = Type.Object({
  access_token: Type.String(),
  token_type: Type.String({ examples: ['Bearer'] }),
  expires_in: Type.Optional(
    Type.Integer({ description: 'Seconds; absent for a token that is valid until it is revoked' }),
  ),
  refresh_token: Type.Optional(Type.String({ description: 'Single use' })),
  scope: Type.String(),
  id_token: Type.Optional(Type.String()),
  created_at: Type.Optional(Type.Integer({ description: 'Seconds since 1970' })),
});
export type TokenResponse = Static<typeof TokenResponse>;

export const ClientTokenForm = inMediaTypes(
  Type.Object(
    {
      token: Type.Optional(Type.String({ maxLength: 8_192 })),
      token_type_hint: Type.Optional(Type.String({ maxLength: 64 })),
      ...ClientFields,
    },
    { additionalProperties: true },
  ),
  ...OF_CLIENTS,
);

export const DeviceAuthorizationForm = inMediaTypes(
  Type.Object({ ...ClientFields, scope: Scope }, { additionalProperties: true }),
  ...OF_CLIENTS,
);

/** RFC 8628, section 3.2. */
export const DeviceAuthorization = Type.Object({
  device_code: Type.String(),
  user_code: Type.String({ examples: ['WDJB-MJHT'] }),
  verification_uri: Type.String({ format: 'uri' }),
  verification_uri_complete: Type.String({ format: 'uri' }),
  expires_in: Type.Integer({ description: 'Seconds' }),
  interval: Type.Integer({ description: 'Seconds between two requests' }),
});
export type DeviceAuthorization = Static<typeof DeviceAuthorization>;

/** OpenID Connect Core, section 5.1. */
export const UserInfo = Type.Object({
  sub: Type.String(),
  preferred_username: Type.Optional(Type.String()),
  name: Type.Optional(Type.String()),
  picture: Type.Optional(Type.String()),
  profile: Type.Optional(Type.String()),
  email: Type.Optional(Type.String()),
  email_verified: Type.Optional(Type.Boolean()),
});
export type UserInfo = Static<typeof UserInfo>;

const word = (description: string) => Type.Optional(Type.String({ description }));

/** RFC 6749 (4.1.1), RFC 7636 (4.3), and OpenID Connect Core (3.1.2.1). Others are ignored, as they say. */
export const AuthorizationQuery = Type.Object(
  {
    client_id: word('Of the app'),
    redirect_uri: word('One of the app’s'),
    response_type: word('`code`'),
    scope: word('Names separated by blanks'),
    state: word('Sent back'),
    code_challenge: word('Required but for apps of `POST /api/v1/apps`'),
    code_challenge_method: word('`S256`'),
    response_mode: word('`query`'),
    nonce: word('Sent back in the ID token'),
    prompt: word('`none`, or of `login`, `consent` and `select_account`'),
    max_age: word('Seconds since the sign-in'),
    login_hint: word('Filled in when the person signs in'),
  },
  { additionalProperties: true },
);
