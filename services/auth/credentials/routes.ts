import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { readClient } from '#kit/http/client-address';
import { noContent } from '#kit/http/responses';
import { describe } from '#kit/http/route-docs';
import type { AuthDeps } from '../deps';
import { PasswordChange } from './model';
import { changePassword } from './password-change';

const byId = { params: Type.Object({ id: Type.String({ maxLength: 36 }) }) };

export const credentialsRoutes = (deps: AuthDeps) =>
  new Elysia({ name: 'credentials' })
    .use(access(deps.tokens))

    .patch(
      '/auth/users/:id',
      ({ caller, params, body, request, server, set }) => {
        const client = readClient(request, server);
        return noContent(set, changePassword(deps, caller, params.id, { ...body, client }));
      },
      {
        user: true,
        ...byId,
        body: PasswordChange,
        ...describe('Change my password and end all other sessions', 'Passwords'),
      },
    )
    .patch(
      '/auth/usuarios/:id',
      ({ caller, params, body, request, server, set }) => {
        const client = readClient(request, server);
        return noContent(set, changePassword(deps, caller, params.id, { ...body, client }));
      },
      {
        user: true,
        ...byId,
        body: PasswordChange,
        ...describe('Change my password (alias of /auth/users/{id})', 'Passwords'),
      },
    );
