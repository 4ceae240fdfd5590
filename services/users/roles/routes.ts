import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { PageQuery } from '#kit/http/lists/pagination';
import { created, noContent, paged } from '#kit/http/responses';
import { describe } from '#kit/http/route-docs';
import type { UsersDeps } from '../deps';
import * as model from './model';
import * as permissions from './permissions';
import * as roles from './service';

const byId = { params: Type.Object({ id: Type.String({ maxLength: 36 }) }) };
const permission = 'roles:manage';

export const roleRoutes = (deps: UsersDeps) =>
  new Elysia({ name: 'roles' })
    .use(access(deps.tokens))

    .get(
      '/roles',
      async ({ query, request, set }) => paged(set, request, await roles.listRoles(deps, query)),
      {
        permission,
        query: PageQuery,
        response: model.RolePage,
        ...describe('List roles by name', 'Roles'),
      },
    )
    .post(
      '/roles',
      async ({ body, caller, set }) => {
        const role = await roles.createRole(deps, caller, body);
        return created(set, `/roles/${role.id}`, role);
      },
      {
        permission,
        body: model.NewRole,
        response: { 201: model.Role },
        ...describe('Create a role', 'Roles'),
      },
    )
    .get('/roles/:id', ({ params }) => roles.readRole(deps, params.id), {
      permission,
      ...byId,
      response: model.Role,
      ...describe('Get a role', 'Roles'),
    })
    .patch('/roles/:id', ({ params, body, caller }) => roles.changeRole(deps, caller, params.id, body), {
      permission,
      ...byId,
      body: model.RoleChange,
      response: model.Role,
      ...describe('Update the name or description of a role', 'Roles'),
    })
    .delete(
      '/roles/:id',
      ({ params, query, caller, set }) =>
        noContent(set, roles.deleteRole(deps, caller, params.id, { force: query.force ?? false })),
      { permission, ...byId, query: model.RoleDeletion, ...describe('Delete a role', 'Roles') },
    )
    .put(
      '/roles/:id/permissions',
      ({ params, body, caller }) => roles.setPermissions(deps, caller, params.id, body.permissions),
      {
        permission,
        ...byId,
        body: model.RolePermissions,
        response: model.Role,
        ...describe('Replace the permissions of a role', 'Roles'),
      },
    )

    .get(
      '/permissions',
      async ({ query, request, set }) => paged(set, request, await permissions.listPermissions(deps, query)),
      {
        permission,
        query: PageQuery,
        response: model.PermissionPage,
        ...describe('List permissions by name', 'Roles'),
      },
    )
    .post(
      '/permissions',
      async ({ body, caller, set }) =>
        created(set, '/permissions', await permissions.createPermission(deps, caller, body)),
      {
        permission,
        body: model.NewPermission,
        response: { 201: model.Permission },
        ...describe('Create a permission', 'Roles'),
      },
    )

    .get('/users/id/:id/roles', ({ params }) => roles.readAuthorizations(deps, params.id), {
      permission,
      ...byId,
      response: model.Authorizations,
      ...describe('Get the roles and permissions of a user', 'Roles'),
    })
    .put(
      '/users/id/:id/roles',
      ({ params, body, caller }) => roles.setRoles(deps, caller, params.id, body.roles),
      {
        permission,
        ...byId,
        body: model.RoleNames,
        response: model.Authorizations,
        ...describe('Replace the roles of a user', 'Roles'),
      },
    );
