import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import type { TokenVerifier } from '#kit/auth/tokens';
import { access } from '#kit/http/access';
import { PageQuery } from '#kit/http/pagination';
import { created, noContent, paged } from '#kit/http/responses';
import type { UsersDeps } from '../accounts/lifecycle';
import * as model from './model';
import * as permissions from './permissions';
import * as roles from './service';

const byId = { params: Type.Object({ id: Type.String({ maxLength: 36 }) }) };
const describe = (summary: string) => ({ detail: { summary, tags: ['Roles'] } });
const permission = 'roles:manage';

/** Who may do what. */
export const roleRoutes = (deps: UsersDeps & { tokens: TokenVerifier }) =>
  new Elysia({ name: 'roles' })
    .use(access(deps.tokens))

    .get(
      '/roles',
      async ({ query, request, set }) => paged(set, request, await roles.listRoles(deps, query)),
      {
        permission,
        query: PageQuery,
        response: model.RolePage,
        ...describe('Roles, by name'),
      },
    )
    .post(
      '/roles',
      async ({ body, caller, set }) => {
        const role = await roles.createRole(deps, caller, body);
        return created(set, `/roles/${role.id}`, role);
      },
      { permission, body: model.NewRole, response: { 201: model.Role }, ...describe('Make a role') },
    )
    .get('/roles/:id', ({ params }) => roles.readRole(deps, params.id), {
      permission,
      ...byId,
      response: model.Role,
      ...describe('A role'),
    })
    .patch('/roles/:id', ({ params, body, caller }) => roles.changeRole(deps, caller, params.id, body), {
      permission,
      ...byId,
      body: model.RoleChange,
      response: model.Role,
      ...describe('Rename or describe a role'),
    })
    .delete(
      '/roles/:id',
      ({ params, query, caller, set }) =>
        noContent(set, roles.deleteRole(deps, caller, params.id, query.force ?? false)),
      { permission, ...byId, query: model.RoleDeletion, ...describe('Delete a role') },
    )
    .put(
      '/roles/:id/permissions',
      ({ params, body, caller }) => roles.setPermissions(deps, caller, params.id, body.permissions),
      {
        permission,
        ...byId,
        body: model.RolePermissions,
        response: model.Role,
        ...describe('Decide what a role permits'),
      },
    )

    .get(
      '/permissions',
      async ({ query, request, set }) => paged(set, request, await permissions.listPermissions(deps, query)),
      { permission, query: PageQuery, response: model.PermissionPage, ...describe('Permissions, by name') },
    )
    .post(
      '/permissions',
      async ({ body, caller, set }) =>
        created(set, '/permissions', await permissions.createPermission(deps, caller, body)),
      {
        permission,
        body: model.NewPermission,
        response: { 201: model.Permission },
        ...describe('Name a permission'),
      },
    )

    .get('/users/id/:id/roles', ({ params }) => roles.readAuthorizations(deps, params.id), {
      permission,
      ...byId,
      response: model.Authorizations,
      ...describe("Somebody's roles, and what they permit"),
    })
    .put(
      '/users/id/:id/roles',
      ({ params, body, caller }) => roles.setRoles(deps, caller, params.id, body.roles),
      {
        permission,
        ...byId,
        body: model.RoleNames,
        response: model.Authorizations,
        ...describe('Decide which roles somebody holds'),
      },
    );
