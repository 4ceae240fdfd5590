import { Elysia } from 'elysia';
import type { AuthDeps } from '../../deps';
import { NextQuery } from '../model';
import { FORM, pageRoutes, shows, takesForm } from '../page-routes';
import * as model from './model';
import { signUpPage } from './page';
import { signUpByForm } from './sign-up';

export const signUpPages = (deps: AuthDeps) =>
  new Elysia({ name: 'sign-up-pages' })
    .use(pageRoutes(deps))

    .get('/auth/sign-up', ({ query, visitor }) => signUpPage(visitor, { next: query.next }), {
      query: NextQuery,
      ...shows('Get the page to create an account on'),
    })
    .post('/auth/sign-up', ({ body, visitor }) => signUpByForm(deps, visitor, body), {
      gateway: { ...FORM, rateLimit: 'registration' },
      body: model.SignUpForm,
      ...takesForm('Create an account on the page'),
    });
