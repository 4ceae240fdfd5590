import { Elysia } from 'elysia';
import { problemPage } from '#kit/http/html/problem-page';
import { platform } from '#kit/http/platform';
import * as appsModel from './apps/model';
import { appRoutes } from './apps/routes';
import * as credentialsModel from './credentials/model';
import { credentialsRoutes } from './credentials/routes';
import type { AuthDeps } from './deps';
import * as identitiesModel from './identities/model';
import { identityRoutes } from './identities/routes';
import * as keysModel from './keys/model';
import { keyRoutes } from './keys/routes';
import { authorizeRoutes } from './oauth/authorize/routes';
import { deviceRoutes } from './oauth/device/routes';
import { oauthErrors } from './oauth/error-routes';
import * as oauthModel from './oauth/model';
import { oauthRoutes } from './oauth/routes';
import { pages } from './pages/routes';
import * as passkeysModel from './passkeys/model';
import { passkeyRoutes } from './passkeys/routes';
import * as passwordResetsModel from './password-resets/model';
import { passwordResetRoutes } from './password-resets/routes';
import * as secondFactorsModel from './second-factors/model';
import { secondFactorRoutes } from './second-factors/routes';
import * as sessionsModel from './sessions/model';
import { sessionRoutes } from './sessions/routes';
import * as tokensModel from './tokens/model';
import { tokenRoutes } from './tokens/routes';

export const auth = (deps: AuthDeps) =>
  new Elysia({ name: 'auth' })
    .use(oauthErrors(deps.runtime.metrics))
    .use(
      platform(deps.runtime, {
        problemPage,
        description: 'Authentication: sign-in, sessions, passwords, access tokens and signing keys.',
        schemas: {
          ...appsModel,
          ...credentialsModel,
          ...identitiesModel,
          ...keysModel,
          ...passkeysModel,
          ...oauthModel,
          ...passwordResetsModel,
          ...secondFactorsModel,
          ...sessionsModel,
          ...tokensModel,
        },
        tags: {
          Sessions: 'Sign-in, refresh and the sessions of a user.',
          'Second factors': 'Authenticator apps and recovery codes, and sign-in in two steps.',
          Passkeys: 'WebAuthn: sign-in without a password, and as a second factor.',
          Passwords: 'Password changes and resets.',
          'Linked accounts': 'Accounts at other providers that sign in to an account here.',
          Apps: 'What apps of others may do for a user.',
          OAuth: 'OAuth 2.1 and OpenID Connect, for apps: registration, authorization, tokens and devices.',
          Pages: 'Pages for people with a browser, and the forms on them.',
          Tokens: 'Verification, introspection and revocation of tokens, and signing keys.',
        },
      }),
    )
    .use(sessionRoutes(deps))
    .use(secondFactorRoutes(deps))
    .use(passkeyRoutes(deps))
    .use(passwordResetRoutes(deps))
    .use(credentialsRoutes(deps))
    .use(identityRoutes(deps))
    .use(tokenRoutes(deps))
    .use(keyRoutes(deps))
    .use(pages(deps))
    .use(appRoutes(deps))
    .use(oauthRoutes(deps))
    .use(authorizeRoutes(deps))
    .use(deviceRoutes(deps));
