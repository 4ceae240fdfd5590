import { Elysia } from 'elysia';
import type { AuthDeps } from '../../deps';
import { FORM, pageRoutes, shows, takesForm } from '../page-routes';
import { requireSignIn } from '../visitor';
import { confirmByForm, removeByForm, replaceCodesByForm, showFactors, showSetup } from './changes';
import * as model from './model';

/** What changes the ways to sign in. */
const RECENT = { recent: true };

export const factorPages = (deps: AuthDeps) =>
  new Elysia({ name: 'factor-pages' })
    .use(pageRoutes(deps))

    .get(
      '/auth/account/second-factors',
      ({ visitor, request }) => {
        const session = requireSignIn(deps, visitor, request);
        return session instanceof Response ? session : showFactors(deps, visitor, session);
      },
      shows('Get the page of my second factors'),
    )
    .get(
      '/auth/account/second-factors/app',
      ({ visitor, request }) => {
        const session = requireSignIn(deps, visitor, request, RECENT);
        return session instanceof Response ? session : showSetup(deps, visitor, session);
      },
      shows('Get the page to set up an authenticator app on'),
    )
    .post(
      '/auth/account/second-factors/app',
      ({ body, visitor, request }) => {
        const session = requireSignIn(deps, visitor, request, RECENT);
        return session instanceof Response ? session : confirmByForm(deps, visitor, session, body);
      },
      { gateway: FORM, body: model.ConfirmAppForm, ...takesForm('Add the authenticator app on the page') },
    )
    .post(
      '/auth/account/second-factors/app/remove',
      ({ visitor, request }) => {
        const session = requireSignIn(deps, visitor, request, RECENT);
        return session instanceof Response ? session : removeByForm(deps, session);
      },
      { gateway: FORM, body: model.ButtonForm, ...takesForm('Remove the authenticator app on the page') },
    )
    .post(
      '/auth/account/second-factors/recovery-codes',
      ({ visitor, request }) => {
        const session = requireSignIn(deps, visitor, request, RECENT);
        return session instanceof Response ? session : replaceCodesByForm(deps, visitor, session);
      },
      { gateway: FORM, body: model.ButtonForm, ...takesForm('Make new recovery codes on the page') },
    );
