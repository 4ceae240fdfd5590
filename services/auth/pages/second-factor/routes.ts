import { Elysia } from 'elysia';
import type { AuthDeps } from '../../deps';
import { NextQuery } from '../model';
import { FORM, pageRoutes, shows, takesForm } from '../page-routes';
import { answerByForm, showSecondFactor } from './answer';
import * as model from './model';

export const secondFactorPages = (deps: AuthDeps) =>
  new Elysia({ name: 'second-factor-pages' })
    .use(pageRoutes(deps))

    .get('/auth/sign-in/second-factor', ({ query, visitor }) => showSecondFactor(deps, visitor, query), {
      query: NextQuery,
      ...shows('Get the page to complete a sign-in on'),
    })
    .post('/auth/sign-in/second-factor', ({ body, visitor }) => answerByForm(deps, visitor, body), {
      gateway: { ...FORM, rateLimit: 'sign-in' },
      body: model.SecondFactorForm,
      ...takesForm('Complete a sign-in on the page'),
    });
