import { Elysia } from 'elysia';
import { platform } from '#kit/http/platform';
import { credentialsRoutes } from './credentials/routes';
import type { AuthDeps } from './deps';
import { keyRoutes } from './keys/routes';
import { passwordResetRoutes } from './password-resets/routes';
import { sessionRoutes } from './sessions/routes';
import { tokenRoutes } from './tokens/routes';

export const auth = (deps: AuthDeps) =>
  new Elysia({ name: 'auth' })
    .use(
      platform(deps.runtime, {
        description: 'Authentication: sign-in, sessions, passwords, access tokens and signing keys.',
      }),
    )
    .use(sessionRoutes(deps))
    .use(passwordResetRoutes(deps))
    .use(credentialsRoutes(deps))
    .use(tokenRoutes(deps))
    .use(keyRoutes(deps));
