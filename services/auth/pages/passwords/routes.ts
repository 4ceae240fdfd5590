import { Elysia } from 'elysia';
import type { AuthDeps } from '../../deps';
import { FORM, pageRoutes, shows, takesForm } from '../page-routes';
import * as model from './model';
import { forgotPage } from './page';
import { forgotByForm, resetByForm, showReset } from './reset';

export const passwordPages = (deps: AuthDeps) =>
  new Elysia({ name: 'password-pages' })
    .use(pageRoutes(deps))

    .get(
      '/auth/forgot-password',
      ({ visitor }) => forgotPage(visitor),
      shows('Get the page to ask for a password reset link on'),
    )
    .post('/auth/forgot-password', ({ body, visitor }) => forgotByForm(deps, visitor, body), {
      gateway: { ...FORM, rateLimit: 'password-reset' },
      body: model.ForgotForm,
      ...takesForm('Ask for a password reset link on the page'),
    })
    .get('/auth/reset-password', ({ query, visitor }) => showReset(deps, visitor, query.token), {
      query: model.ResetQuery,
      ...shows('Get the page that a password reset link opens'),
    })
    .post('/auth/reset-password', ({ body, visitor }) => resetByForm(deps, visitor, body), {
      gateway: { ...FORM, rateLimit: 'password-reset' },
      body: model.ResetForm,
      ...takesForm('Set a new password on the page'),
    });
