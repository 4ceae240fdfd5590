import { type Static, Type } from '@sinclair/typebox';
import { defineProblem } from '#kit/errors/problem';
import { PageOf } from '#kit/http/lists/pagination';
import { nullable } from '#kit/http/schemas';
import { webUrl } from '#kit/text/fields';
import { lineOfText } from '#kit/text/schema';
import { GRANT_TYPES } from '../oauth/grant-types';
import { MAX_REDIRECT_URI_LENGTH, MAX_REDIRECT_URIS } from './redirect-uris';

export const AppNotFound = defineProblem('auth.app-not-found', 404, 'App not found');

/** How an app proves at the token endpoint who it is. */
export const AUTH_METHODS = ['client_secret_basic', 'client_secret_post', 'none'] as const;
export type AuthMethod = (typeof AUTH_METHODS)[number];

const words = <Word extends string>(all: readonly Word[]) =>
  Type.Union(all.map((word) => Type.Literal(word)));

/** RFC 7591, section 2. Other metadata is ignored, as it says. */
export const AppRegistration = Type.Object(
  {
    redirect_uris: Type.Optional(
      Type.Array(Type.String({ maxLength: MAX_REDIRECT_URI_LENGTH }), {
        maxItems: MAX_REDIRECT_URIS,
        description:
          '`https`, `http` on the loopback interface, a scheme of the app’s own, or `urn:ietf:wg:oauth:2.0:oob`. Compared ' +
          'exactly, but for the port on the loopback interface',
        examples: [['https://app.example/callback']],
      }),
    ),
    client_name: Type.Optional(
      lineOfText({ max: 60, maxUnits: 120 }, { description: 'Shown to the person', examples: ['Example'] }),
    ),
    client_uri: Type.Optional(webUrl({ description: 'Shown to the person' })),
    token_endpoint_auth_method: Type.Optional(Type.Unsafe<AuthMethod>(words(AUTH_METHODS))),
    grant_types: Type.Optional(
      Type.Array(Type.String({ maxLength: 60 }), {
        maxItems: 10,
        description: `Of ${GRANT_TYPES.map((type) => `\`${type}\``).join(', ')}; \`authorization_code\` by default`,
      }),
    ),
    response_types: Type.Optional(
      Type.Array(Type.String({ maxLength: 60 }), { maxItems: 10, examples: [['code']] }),
    ),
    scope: Type.Optional(
      Type.String({
        maxLength: 1_000,
        description: 'All that the app may ask for; everything by default',
        examples: ['openid profile read write:statuses'],
      }),
    ),
  },
  { additionalProperties: true },
);
export type AppRegistration = Static<typeof AppRegistration>;

/** RFC 7591, section 3.2.1. */
export const RegisteredApp = Type.Object({
  client_id: Type.String(),
  client_id_issued_at: Type.Integer({ description: 'Seconds since 1970' }),
  client_secret: Type.Optional(
    Type.String({ description: 'Absent for public clients. It is not shown again' }),
  ),
  client_secret_expires_at: Type.Optional(Type.Integer({ description: '0: never' })),
  client_name: Type.String(),
  client_uri: Type.Optional(Type.String()),
  redirect_uris: Type.Array(Type.String()),
  grant_types: Type.Array(Type.String()),
  response_types: Type.Array(Type.String()),
  token_endpoint_auth_method: Type.String(),
  scope: Type.String(),
  id_token_signed_response_alg: Type.Optional(Type.String()),
});
export type RegisteredApp = Static<typeof RegisteredApp>;

/** An app that a person has allowed something. */
export const AllowedApp = Type.Object({
  id: Type.String(),
  name: Type.String(),
  website: nullable(Type.String()),
  scopes: Type.Array(Type.String(), { description: 'What it may do' }),
  allowed_at: Type.String({ format: 'date-time' }),
  last_used_at: nullable(Type.String({ format: 'date-time' }), {
    description: 'When it last signed in or refreshed; null where it is not signed in',
  }),
});
export type AllowedApp = Static<typeof AllowedApp>;
export const AllowedAppPage = PageOf(AllowedApp);
