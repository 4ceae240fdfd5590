import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { readClient } from '#kit/http/client-address';
import { gatewayOptions } from '#kit/http/gateway-options';
import { describe } from '#kit/http/route-docs';
import type { AuthDeps } from '../deps';
import { Introspection } from '../tokens/model';
import { authenticateClient, authenticateConfidentialClient } from './clients';
import { required } from './grants/request';
import { oauthMetrics } from './metrics';
import { ClientTokenForm, OAuthFailure, TokenForm, TokenResponse, UserInfo } from './model';
import { introspectOwnToken, revokeOwnToken } from './own-tokens';
import { exchangeGrant, grantTypeIn } from './token-endpoint';
import { readUserInfo } from './userinfo';

const FAILURES = { 400: OAuthFailure, 401: OAuthFailure } as const;
/** Pages of any origin are public clients, and none of these endpoints reads cookies. */
const FOR_PROGRAMS = { cors: 'public', bodyBytes: 64 * 1024 } as const;

export const oauthRoutes = (deps: AuthDeps) => {
  const metrics = oauthMetrics(deps.runtime.metrics);
  return new Elysia({ name: 'oauth' })
    .use(access(deps.tokens))
    .use(gatewayOptions)

    .post(
      '/oauth/token',
      async ({ body: form, request, server, set }) => {
        set.headers['cache-control'] = 'no-store';
        const app = await authenticateClient(deps, request.headers.get('authorization'), form);
        const type = grantTypeIn(deps, { app, form });
        const client = readClient(request, server);
        const lifetime = { signal: request.signal };
        const tokens = await exchangeGrant(deps, type, { app, form, client, lifetime });
        metrics.issued.inc({ grant_type: type });
        return tokens;
      },
      {
        public: true,
        gateway: FOR_PROGRAMS,
        body: TokenForm,
        response: { 200: TokenResponse, ...FAILURES },
        ...describe('Exchange a grant for tokens (RFC 6749)', 'OAuth'),
      },
    )
    .post(
      '/oauth/revoke',
      async ({ body: form, request, set }) => {
        const app = await authenticateClient(deps, request.headers.get('authorization'), form);
        await revokeOwnToken(deps, app, required(form.token, 'token'));
        set.status = 200;
        // Clients of Mastodon read JSON.
        return {};
      },
      {
        public: true,
        gateway: FOR_PROGRAMS,
        body: ClientTokenForm,
        response: {
          200: Type.Object({}, { description: 'The token is not valid, or not any more' }),
          ...FAILURES,
        },
        ...describe('Revoke a token of the app (RFC 7009)', 'OAuth'),
      },
    )
    .post(
      '/oauth/introspect',
      async ({ body: form, request, set }) => {
        set.headers['cache-control'] = 'no-store';
        const app = await authenticateConfidentialClient(deps, request.headers.get('authorization'), form);
        return introspectOwnToken(deps, app, required(form.token, 'token'));
      },
      {
        public: true,
        gateway: FOR_PROGRAMS,
        body: ClientTokenForm,
        response: { 200: Introspection, ...FAILURES },
        ...describe('Introspect a token of the app (RFC 7662)', 'OAuth'),
      },
    )
    .get('/oauth/userinfo', ({ caller }) => readUserInfo(deps, caller), {
      user: true,
      scope: 'openid',
      gateway: FOR_PROGRAMS,
      response: { 200: UserInfo, 401: OAuthFailure, 403: OAuthFailure },
      ...describe('Get what an app may know of the person (OpenID Connect)', 'OAuth'),
    })
    .post('/oauth/userinfo', ({ caller }) => readUserInfo(deps, caller), {
      user: true,
      scope: 'openid',
      gateway: FOR_PROGRAMS,
      response: { 200: UserInfo, 401: OAuthFailure, 403: OAuthFailure },
      ...describe('Get what an app may know of the person, with POST', 'OAuth'),
    });
};
