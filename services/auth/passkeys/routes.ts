import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { readClient } from '#kit/http/client-address';
import { browsers } from '#kit/http/cookies/browser';
import { gatewayOptions } from '#kit/http/gateway-options';
import { PageQuery } from '#kit/http/lists/pagination';
import { created, noContent, paged } from '#kit/http/responses';
import { describe } from '#kit/http/route-docs';
import type { AuthDeps } from '../deps';
import { requesterOf, withCookies } from '../sessions/cookies';
import { SignedIn } from '../sessions/model';
import * as model from './model';
import * as service from './service';
import * as signIn from './sign-in';

const byId = { params: Type.Object({ id: Type.String({ maxLength: 36 }) }) };

export const passkeyRoutes = (deps: AuthDeps) =>
  new Elysia({ name: 'passkeys' })
    .use(access(deps.tokens))
    .use(browsers(deps.trustedOrigins))
    .use(gatewayOptions)

    .get(
      '/auth/passkeys',
      async ({ caller, query, request, set }) =>
        paged(set, request, await service.listPasskeys(deps, caller, query)),
      {
        user: true,
        query: PageQuery,
        response: model.PasskeyPage,
        ...describe('List my passkeys, oldest first', 'Passkeys'),
      },
    )
    .post(
      '/auth/passkeys/options',
      ({ caller, request, server }) =>
        service.creationOptions(deps, caller, readClient(request, server).address),
      {
        user: true,
        recentSignIn: true,
        response: model.CreationOptions,
        ...describe('Get the options to create a passkey with (WebAuthn)', 'Passkeys'),
      },
    )
    .post(
      '/auth/passkeys',
      async ({ body, caller, set }) => {
        const passkey = await service.addPasskey(deps, caller, body);
        set.headers['cache-control'] = 'no-store';
        return created(set, `/auth/passkeys/${passkey.id}`, passkey);
      },
      {
        user: true,
        recentSignIn: true,
        body: model.NewPasskey,
        response: { 201: model.AddedPasskey },
        ...describe('Register a passkey, which signs in alone or after the password', 'Passkeys'),
      },
    )
    .patch(
      '/auth/passkeys/:id',
      ({ body, caller, params }) => service.renamePasskey(deps, caller, params.id, body),
      {
        user: true,
        ...byId,
        body: model.PasskeyChange,
        response: model.Passkey,
        ...describe('Rename a passkey', 'Passkeys'),
      },
    )
    .delete(
      '/auth/passkeys/:id',
      ({ caller, params, set }) => noContent(set, service.removePasskey(deps, caller, params.id)),
      { user: true, recentSignIn: true, ...byId, ...describe('Remove a passkey', 'Passkeys') },
    )

    .post(
      '/auth/passkeys/sign-in/options',
      ({ request, server }) => signIn.signInOptions(deps, readClient(request, server).address),
      {
        public: true,
        browser: true,
        gateway: { rateLimit: 'sign-in' },
        response: model.RequestOptions,
        ...describe('Get the options to ask for a passkey with (WebAuthn)', 'Passkeys'),
      },
    )
    .post(
      '/auth/passkeys/sign-in',
      async ({ body, browser, request, server, set }) => {
        const from = requesterOf(browser, readClient(request, server), request);
        const { signedIn, device } = await signIn.signInWithPasskey(deps, body.passkey, from);
        return withCookies(set, browser, signedIn, device);
      },
      {
        public: true,
        browser: true,
        gateway: { rateLimit: 'sign-in' },
        body: model.PasskeySignIn,
        response: SignedIn,
        ...describe('Sign in with a passkey alone', 'Passkeys'),
      },
    );
