import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { gatewayOptions } from '#kit/http/gateway-options';
import { describe, json } from '#kit/http/route-docs';
import type { AuthDeps } from '../deps';
import { serverMetadata } from './metadata';
import { KeySet, ServerMetadata } from './model';

const CACHE_CONTROL = 'public, max-age=300';

export const keyRoutes = (deps: AuthDeps) =>
  new Elysia({ name: 'keys' })
    .use(access(deps.tokens))
    .use(gatewayOptions)

    .get(
      '/.well-known/jwks.json',
      ({ set }) => {
        set.headers['cache-control'] = CACHE_CONTROL;
        return deps.keys.publicKeys();
      },
      {
        public: true,
        gateway: { cors: 'public' },
        ...describe('Get the public keys that tokens are verified with (RFC 7517)', 'Tokens', {
          responses: { 200: json('The keys', KeySet) },
        }),
      },
    )
    .get(
      '/.well-known/openid-configuration',
      ({ set }) => {
        set.headers['cache-control'] = CACHE_CONTROL;
        return serverMetadata(deps.settings, deps);
      },
      {
        public: true,
        gateway: { cors: 'public' },
        ...describe('Get the provider metadata (OpenID Connect Discovery)', 'Tokens', {
          responses: { 200: json('The metadata', ServerMetadata) },
        }),
      },
    )
    .get(
      '/.well-known/oauth-authorization-server',
      ({ set }) => {
        set.headers['cache-control'] = CACHE_CONTROL;
        return serverMetadata(deps.settings, deps);
      },
      {
        public: true,
        gateway: { cors: 'public' },
        ...describe('Get the authorization server metadata (RFC 8414)', 'Tokens', {
          responses: { 200: json('The metadata', ServerMetadata) },
        }),
      },
    );
