import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { describe } from '#kit/http/route-docs';
import type { AuthDeps } from '../deps';
import * as model from './model';
import * as service from './service';

export const tokenRoutes = (deps: AuthDeps) =>
  new Elysia({ name: 'tokens' })
    .use(access(deps.tokens))

    .post(
      '/auth/verify',
      async ({ body }) => service.verifiedTokenView(await service.verifyToken(deps, body.token, body.scope)),
      {
        public: true,
        body: model.VerificationRequest,
        response: model.VerifiedToken,
        ...describe('Verify an access token (401 if it is invalid)', 'Tokens'),
      },
    )
    .post('/auth/introspect', ({ body }) => service.introspect(deps, body.token), {
      user: true,
      body: model.TokenForm,
      response: model.Introspection,
      ...describe('Introspect a token (RFC 7662)', 'Tokens'),
    })
    .post(
      '/auth/revoke',
      async ({ body, set }) => {
        await service.revokeToken(deps, body.token);
        set.status = 200;
      },
      {
        public: true,
        body: model.TokenForm,
        response: { 200: Type.Void({ description: 'The token is not valid, or not any more' }) },
        ...describe('Revoke a token (RFC 7009)', 'Tokens'),
      },
    );
