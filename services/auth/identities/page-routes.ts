import { Elysia } from 'elysia';
import type { AuthDeps } from '../deps';
import { FORM, pageRoutes, shows, takesForm } from '../pages/page-routes';
import * as model from './page-model';
import * as visits from './visits';

const provider = { params: model.ProviderPath };

/** The pages of signing in with other providers. */
export const identityPages = (deps: AuthDeps) =>
  new Elysia({ name: 'identity-pages' })
    .use(pageRoutes(deps))

    .post(
      '/auth/providers/:name',
      ({ body, params, request, visitor }) =>
        visits.begin(deps, visitor, params.name, { form: body, request }),
      {
        ...provider,
        gateway: { ...FORM, rateLimit: 'sign-in' },
        body: model.BeginForm,
        ...takesForm('Go to another provider to sign in, or to link an account'),
      },
    )
    .get(
      '/auth/providers/:name/callback',
      ({ params, request, visitor }) =>
        visits.comeBack(deps, visitor, params.name, new URL(request.url).search),
      {
        ...provider,
        query: model.CallbackQuery,
        gateway: { rateLimit: 'sign-in' },
        ...shows('Come back from another provider: sign in, or link the account'),
      },
    )
    .get(
      '/auth/providers/:name/account',
      ({ params, request, visitor }) => visits.decide(deps, visitor, params.name, request),
      {
        ...provider,
        ...shows('Get the page to say what account another provider signs in to'),
      },
    )
    .post(
      '/auth/providers/:name/register',
      ({ body, params, visitor }) => visits.registerByForm(deps, visitor, params.name, body),
      {
        ...provider,
        gateway: { ...FORM, rateLimit: 'registration' },
        body: model.RegisterForm,
        ...takesForm('Create an account that another provider signs in to'),
      },
    )
    .post(
      '/auth/providers/:name/link',
      ({ params, request, visitor }) => visits.linkByForm(deps, visitor, params.name, request),
      {
        ...provider,
        gateway: FORM,
        body: model.ConfirmForm,
        ...takesForm('Link an account at another provider'),
      },
    )
    .post(
      '/auth/providers/:name/unlink',
      ({ params, request, visitor }) => visits.unlinkByForm(deps, visitor, params.name, request),
      {
        ...provider,
        gateway: FORM,
        body: model.ConfirmForm,
        ...takesForm('Remove the link to an account at another provider'),
      },
    );
