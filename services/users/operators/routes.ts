import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { created, noContent, paged } from '#kit/http/responses';
import { describe } from '#kit/http/route-docs';
import { NewUser, OwnProfile, OwnProfilePage } from '../accounts/model';
import { AuditPage, AuditQuery } from '../audit/model';
import { listAuditEntries } from '../audit/service';
import type { UsersDeps } from '../deps';
import * as accounts from './accounts';
import * as model from './model';
import { removeSecondFactors } from './second-factors';
import * as users from './users';

const byId = { params: Type.Object({ id: Type.String({ maxLength: 36 }) }) };
const byUserId = { params: Type.Object({ user_id: Type.String({ maxLength: 36 }) }) };

/** The routes of operators: user management, account administration and the audit log. */
export const operatorRoutes = (deps: UsersDeps) =>
  new Elysia({ name: 'operators' })
    .use(access(deps.tokens))

    .get(
      '/users',
      async ({ query, request, set }) => paged(set, request, await users.listUsers(deps, query)),
      {
        permission: 'users:manage',
        query: model.UserQuery,
        response: OwnProfilePage,
        ...describe(
          'List users, optionally by a prefix of the username, display name or email address',
          'Operators',
        ),
      },
    )
    .post(
      '/users',
      async ({ body, caller, request, set }) => {
        const user = await users.registerUser(deps, caller, body, request);
        return created(set, `/users/${user.username}`, user);
      },
      {
        permission: 'users:manage',
        body: NewUser,
        response: { 201: OwnProfile },
        ...describe('Register a user', 'Operators'),
      },
    )
    .patch('/users/id/:id', ({ params, body, caller }) => users.updateUser(deps, caller, params.id, body), {
      permission: 'users:manage',
      ...byId,
      body: model.UserChange,
      response: OwnProfile,
      ...describe('Update, activate or deactivate a user', 'Operators'),
    })
    .delete(
      '/users/id/:id',
      ({ params, caller, set }) => noContent(set, users.deleteUser(deps, caller, params.id)),
      { permission: 'users:manage', ...byId, ...describe('Delete a user and all their data', 'Operators') },
    )

    .get(
      '/admin/auth',
      async ({ query, request, set }) => paged(set, request, await accounts.listAccounts(deps, query)),
      {
        permission: 'admin:auth',
        query: model.UserQuery,
        response: model.AccountPage,
        ...describe('List accounts', 'Administration'),
      },
    )
    .post(
      '/admin/auth',
      async ({ body, caller, request, set }) => {
        const account = await accounts.createAccount(deps, caller, body, request);
        return created(set, `/admin/auth/${account.user_id}`, account);
      },
      {
        permission: 'admin:auth',
        body: model.NewAccount,
        response: { 201: model.Account },
        ...describe('Create an account', 'Administration'),
      },
    )
    .get('/admin/auth/:user_id', ({ params }) => accounts.readAccount(deps, params.user_id), {
      permission: 'admin:auth',
      ...byUserId,
      response: model.Account,
      ...describe('Get an account', 'Administration'),
    })
    .put(
      '/admin/auth/:user_id',
      ({ params, body: change, caller, request }) =>
        accounts.updateAccount(deps, caller, params.user_id, { change, lifetime: request }),
      {
        permission: 'admin:auth',
        ...byUserId,
        body: model.AccountChange,
        response: model.Account,
        ...describe(
          'Update an account (omitted fields are unchanged; a new password ends all sessions)',
          'Administration',
        ),
      },
    )
    .delete(
      '/admin/auth/:user_id',
      ({ params, caller, set }) => noContent(set, users.deleteUser(deps, caller, params.user_id)),
      {
        permission: 'admin:auth',
        ...byUserId,
        ...describe('Delete an account and all its data', 'Administration'),
      },
    )
    .delete(
      '/admin/auth/:user_id/second-factors',
      ({ params, caller, set }) => noContent(set, removeSecondFactors(deps, caller, params.user_id)),
      {
        permission: 'admin:auth',
        recentSignIn: true,
        ...byUserId,
        ...describe('Remove the second factors of a user who has lost them', 'Administration', {
          description: 'The password alone signs in from then on. The user is told by mail',
        }),
      },
    )
    .get(
      '/admin/audit',
      async ({ query, request, set }) => paged(set, request, await listAuditEntries(deps, query)),
      {
        permission: 'audit:read',
        query: AuditQuery,
        response: AuditPage,
        ...describe('List audit log entries, newest first', 'Administration'),
      },
    );
