import { Elysia } from 'elysia';
import type { AuthDeps } from '../deps';
import { identityPages } from '../identities/page-routes';
import { accountPages } from './account/routes';
import { factorPages } from './factors/routes';
import { passkeyPages } from './passkeys/routes';
import { passwordPages } from './passwords/routes';
import { secondFactorPages } from './second-factor/routes';
import { signInPages } from './sign-in/routes';
import { signUpPages } from './sign-up/routes';

/** The pages of this service, for people with a browser (docs/decisions/0049-pages.md). */
export const pages = (deps: AuthDeps) =>
  new Elysia({ name: 'pages' })
    .use(signInPages(deps))
    .use(secondFactorPages(deps))
    .use(passkeyPages(deps))
    .use(factorPages(deps))
    .use(signUpPages(deps))
    .use(passwordPages(deps))
    .use(accountPages(deps))
    .use(identityPages(deps));
