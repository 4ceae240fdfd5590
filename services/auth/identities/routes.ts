import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { noContent } from '#kit/http/responses';
import { describe } from '#kit/http/route-docs';
import type { AuthDeps } from '../deps';
import { listLinked, unlink } from './links';
import { IdentityList } from './model';

/** The API of linked accounts. Linking one takes a browser: `/auth/providers/{name}`. */
export const identityRoutes = (deps: AuthDeps) =>
  new Elysia({ name: 'identities' })
    .use(access(deps.tokens))

    .get(
      '/auth/identities',
      async ({ caller }) => ({ items: await listLinked(deps, caller.id), next_cursor: null }),
      {
        user: true,
        response: IdentityList,
        ...describe('List my accounts at other providers that sign in to this one', 'Linked accounts'),
      },
    )
    .delete(
      '/auth/identities/:provider',
      ({ caller, params, set }) => noContent(set, unlink(deps, caller.id, params.provider)),
      {
        user: true,
        recentSignIn: true,
        params: Type.Object({ provider: Type.String({ maxLength: 40 }) }),
        ...describe('Remove the link to my account at another provider', 'Linked accounts', {
          description: 'Refused where nothing else is left to sign in with',
        }),
      },
    );
