import { Elysia } from 'elysia';
import { UnsupportedMediaType } from '#kit/errors/problem';
import { platform } from '#kit/http/platform';
import { FORM_MEDIA_TYPE } from '#kit/http/route-docs';
import * as credentialsModel from './credentials/model';
import { credentialsRoutes } from './credentials/routes';
import type { AuthDeps } from './deps';
import * as keysModel from './keys/model';
import { keyRoutes } from './keys/routes';
import * as passwordResetsModel from './password-resets/model';
import { passwordResetRoutes } from './password-resets/routes';
import * as sessionsModel from './sessions/model';
import { sessionRoutes } from './sessions/routes';
import * as tokensModel from './tokens/model';
import { tokenRoutes } from './tokens/routes';

/** RFC 7009 and RFC 7662 use forms. On other routes a form is rejected: any web page could submit one from a browser. */
const FORM_PATHS = new Set(['/auth/introspect', '/auth/revoke']);

export const auth = (deps: AuthDeps) =>
  new Elysia({ name: 'auth' })
    .use(
      platform(deps.runtime, {
        description: 'Authentication: sign-in, sessions, passwords, access tokens and signing keys.',
        schemas: {
          ...credentialsModel,
          ...keysModel,
          ...passwordResetsModel,
          ...sessionsModel,
          ...tokensModel,
        },
        tags: {
          Sessions: 'Sign-in, refresh and the sessions of a user.',
          Passwords: 'Password changes and resets.',
          Tokens: 'Verification, introspection and revocation of tokens, and signing keys.',
        },
        mediaTypes: ['application/json', FORM_MEDIA_TYPE],
      }),
    )
    .onParse(({ path, contentType }) => {
      if (contentType === FORM_MEDIA_TYPE && !FORM_PATHS.has(path))
        throw new UnsupportedMediaType({ detail: 'Send application/json.' });
    })
    .use(sessionRoutes(deps))
    .use(passwordResetRoutes(deps))
    .use(credentialsRoutes(deps))
    .use(tokenRoutes(deps))
    .use(keyRoutes(deps));
