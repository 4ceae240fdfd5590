import { Elysia } from 'elysia';
import { problemPage } from '#kit/http/html/problem-page';
import { platform } from '#kit/http/platform';
import * as credentialsModel from './credentials/model';
import { credentialsRoutes } from './credentials/routes';
import type { AuthDeps } from './deps';
import * as keysModel from './keys/model';
import { keyRoutes } from './keys/routes';
import { pages } from './pages/routes';
import * as passwordResetsModel from './password-resets/model';
import { passwordResetRoutes } from './password-resets/routes';
import * as sessionsModel from './sessions/model';
import { sessionRoutes } from './sessions/routes';
import * as tokensModel from './tokens/model';
import { tokenRoutes } from './tokens/routes';

export const auth = (deps: AuthDeps) =>
  new Elysia({ name: 'auth' })
    .use(
      platform(deps.runtime, {
        problemPage,
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
          Pages: 'Pages for people with a browser, and the forms on them.',
          Tokens: 'Verification, introspection and revocation of tokens, and signing keys.',
        },
      }),
    )
    .use(sessionRoutes(deps))
    .use(passwordResetRoutes(deps))
    .use(credentialsRoutes(deps))
    .use(tokenRoutes(deps))
    .use(keyRoutes(deps))
    .use(pages(deps));
