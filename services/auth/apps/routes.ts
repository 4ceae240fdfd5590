import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { gatewayOptions } from '#kit/http/gateway-options';
import { PageQuery } from '#kit/http/lists/pagination';
import { noContent, paged } from '#kit/http/responses';
import { describe } from '#kit/http/route-docs';
import type { AuthDeps } from '../deps';
import { OAuthFailure } from '../oauth/model';
import { endAllowedApp, listAllowedApps } from './consents';
import { AllowedAppPage, AppRegistration, RegisteredApp } from './model';
import { registerOpenApp } from './open-registration';

export const appRoutes = (deps: AuthDeps) =>
  new Elysia({ name: 'apps' })
    .use(access(deps.tokens))
    .use(gatewayOptions)

    .post(
      '/oauth/register',
      async ({ body, set }) => {
        set.headers['cache-control'] = 'no-store';
        const registered = await registerOpenApp(deps, body);
        set.status = 201;
        return registered;
      },
      {
        public: true,
        gateway: { rateLimit: 'registration', cors: 'public', bodyBytes: 64 * 1024 },
        body: AppRegistration,
        response: { 201: RegisteredApp, 400: OAuthFailure },
        ...describe('Register an app (RFC 7591)', 'Apps', {
          description: 'An app that nobody allows anything within a day is deleted',
        }),
      },
    )
    .get(
      '/auth/apps',
      async ({ caller, query, request, set }) =>
        paged(set, request, await listAllowedApps(deps, caller.id, query)),
      {
        user: true,
        query: PageQuery,
        response: AllowedAppPage,
        ...describe('List the apps that I have allowed something, newest first', 'Apps'),
      },
    )
    .delete(
      '/auth/apps/:id',
      ({ caller, params, set }) => noContent(set, endAllowedApp(deps, caller.id, params.id)),
      {
        user: true,
        params: Type.Object({ id: Type.String({ maxLength: 36 }) }),
        ...describe('End what an app may do: its sessions and tokens, and my consent', 'Apps'),
      },
    );
