import { Elysia } from 'elysia';
import type { AuthDeps } from '../../deps';
import { leaveBrowser } from '../browser-sessions';
import { seeOther } from '../next';
import { FORM, pageRoutes, shows, takesForm } from '../page-routes';
import * as model from './model';
import { signOutPage } from './page';
import { showSignIn, signInByForm } from './sign-in';

export const signInPages = (deps: AuthDeps) =>
  new Elysia({ name: 'sign-in-pages' })
    .use(pageRoutes(deps))

    .get('/auth/sign-in', ({ query, visitor }) => showSignIn(deps, visitor, query), {
      query: model.SignInQuery,
      ...shows('Get the page to sign in on'),
    })
    .post('/auth/sign-in', ({ body, visitor }) => signInByForm(deps, visitor, body), {
      gateway: { ...FORM, rateLimit: 'sign-in' },
      body: model.SignInForm,
      ...takesForm('Sign in on the page'),
    })
    .get('/auth/sign-out', ({ visitor }) => signOutPage(visitor), shows('Get the page to sign out on'))
    .post(
      '/auth/sign-out',
      async ({ visitor }) => seeOther('/auth/sign-out', [await leaveBrowser(deps, visitor.browser)]),
      { gateway: FORM, body: model.SignOutForm, ...takesForm('Sign out on the page') },
    );
