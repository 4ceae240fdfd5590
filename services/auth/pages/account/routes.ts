import { Elysia } from 'elysia';
import { hasPassword } from '../../credentials/store';
import type { AuthDeps } from '../../deps';
import { listLinked } from '../../identities/links';
import { readMe } from '../../sessions/sign-in';
import { isRecent } from '../browser-sessions';
import { seeOther } from '../next';
import { FORM, pageRoutes, shows, takesForm } from '../page-routes';
import { requireSignIn } from '../visitor';
import { appsPage } from './app-list';
import { endApp, ownApps } from './apps';
import { callerOf } from './caller';
import { changePasswordByForm, deleteByForm, requireConfirmation } from './changes';
import { deletionPage } from './deletion-page';
import * as model from './model';
import { overviewPage } from './overview';
import { noPasswordPage, passwordPage } from './password-page';
import { sessionsPage } from './session-list';
import { endSessions, ownSessions } from './sessions';

export const accountPages = (deps: AuthDeps) =>
  new Elysia({ name: 'account-pages' })
    .use(pageRoutes(deps))

    .get(
      '/auth/account',
      async ({ visitor, request }) => {
        const session = requireSignIn(deps, visitor, request);
        if (session instanceof Response) return session;
        const { username, email } = await readMe(deps, callerOf(deps, session));
        const [sessions, apps] = await Promise.all([ownSessions(deps, session), ownApps(deps, session)]);
        const { providers } = deps;
        const linked = await listLinked(deps, session.userId);
        return overviewPage(visitor, { username, email, sessions, apps, linked, providers });
      },
      shows('Get the page of my account'),
    )
    .get(
      '/auth/account/sessions',
      async ({ visitor, request }) => {
        const session = requireSignIn(deps, visitor, request);
        return session instanceof Response
          ? session
          : sessionsPage(visitor, await ownSessions(deps, session));
      },
      shows('Get the page of my sessions'),
    )
    .post(
      '/auth/account/sessions',
      async ({ body, visitor, request }) => {
        const session = requireSignIn(deps, visitor, request);
        if (session instanceof Response) return session;
        await endSessions(deps, session, body);
        return seeOther('/auth/account/sessions');
      },
      {
        gateway: FORM,
        body: model.EndSessionForm,
        ...takesForm('End one of my sessions, or all other ones, on the page'),
      },
    )
    .get(
      '/auth/account/apps',
      async ({ visitor, request }) => {
        const session = requireSignIn(deps, visitor, request);
        return session instanceof Response ? session : appsPage(visitor, await ownApps(deps, session));
      },
      shows('Get the page of the apps that I have allowed something'),
    )
    .post(
      '/auth/account/apps',
      async ({ body, visitor, request }) => {
        const session = requireSignIn(deps, visitor, request);
        if (session instanceof Response) return session;
        await endApp(deps, session, body);
        return seeOther('/auth/account/apps');
      },
      { gateway: FORM, body: model.EndAppForm, ...takesForm('End what I have allowed an app, on the page') },
    )
    .get(
      '/auth/account/password',
      async ({ visitor, request }) => {
        const session = requireSignIn(deps, visitor, request);
        if (session instanceof Response) return session;
        return (await hasPassword(deps, session.userId)) ? passwordPage(visitor) : noPasswordPage(visitor);
      },
      shows('Get the page to change my password on'),
    )
    .post(
      '/auth/account/password',
      ({ body, visitor, request }) => {
        const session = requireSignIn(deps, visitor, request);
        return session instanceof Response ? session : changePasswordByForm(deps, visitor, session, body);
      },
      { gateway: FORM, body: model.PasswordForm, ...takesForm('Change my password on the page') },
    )
    .get(
      '/auth/account/delete',
      async ({ visitor, request }) => {
        const session = await requireConfirmation(deps, visitor, request);
        if (session instanceof Response) return session;
        return deletionPage(visitor, { asksPassword: !isRecent(deps, session) });
      },
      shows('Get the page to delete my account on'),
    )
    .post(
      '/auth/account/delete',
      async ({ body, visitor, request }) => {
        const session = await requireConfirmation(deps, visitor, request);
        return session instanceof Response ? session : deleteByForm(deps, visitor, session, body);
      },
      { gateway: FORM, body: model.DeletionForm, ...takesForm('Delete my account on the page') },
    );
