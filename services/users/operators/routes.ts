import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import type { TokenVerifier } from '#kit/auth/tokens';
import { access } from '#kit/http/access';
import { created, noContent, paged } from '#kit/http/responses';
import type { UsersDeps } from '../accounts/lifecycle';
import * as model from '../accounts/model';
import { AuditPage, AuditQuery } from '../audit/model';
import { listAudit } from '../audit/service';
import * as admin from './accounts';
import { Account, AccountChange, AccountPage, NewAccount, PeopleQuery } from './model';
import * as operators from './users';

const byId = { params: Type.Object({ id: Type.String({ maxLength: 36 }) }) };
const byUserId = { params: Type.Object({ user_id: Type.String({ maxLength: 36 }) }) };
const describe = (summary: string, tag: string) => ({ detail: { summary, tags: [tag] } });

/** What operators do about people, and administrators about accounts. */
export const operatorRoutes = (deps: UsersDeps & { tokens: TokenVerifier }) =>
  new Elysia({ name: 'operators' })
    .use(access(deps.tokens))

    .get(
      '/users',
      async ({ query, request, set }) => paged(set, request, await operators.listUsers(deps, query)),
      {
        permission: 'users:manage',
        query: PeopleQuery,
        response: model.OwnProfilePage,
        ...describe('Find people by the beginning of a name or address', 'Operators'),
      },
    )
    .post(
      '/users',
      async ({ body, caller, set }) => {
        const user = await operators.registerPerson(deps, caller, body);
        return created(set, `/users/${user.username}`, user);
      },
      {
        permission: 'users:manage',
        body: model.NewUser,
        response: { 201: model.OwnProfile },
        ...describe('Register somebody', 'Operators'),
      },
    )
    .patch(
      '/users/id/:id',
      ({ params, body, caller }) => operators.changePerson(deps, caller, params.id, body),
      {
        permission: 'users:manage',
        ...byId,
        body: model.OperatorChange,
        response: model.OwnProfile,
        ...describe('Change somebody, or their right to sign in', 'Operators'),
      },
    )
    .delete(
      '/users/id/:id',
      ({ params, caller, set }) => noContent(set, operators.erasePerson(deps, caller, params.id)),
      { permission: 'users:manage', ...byId, ...describe('Erase somebody', 'Operators') },
    )

    .get(
      '/admin/auth',
      async ({ query, request, set }) => paged(set, request, await admin.listAccounts(deps, query)),
      {
        permission: 'admin:auth',
        query: PeopleQuery,
        response: AccountPage,
        ...describe('Accounts: who may sign in, and who is an administrator', 'Administration'),
      },
    )
    .post(
      '/admin/auth',
      async ({ body, caller, set }) => {
        const account = await admin.createAccount(deps, caller, body);
        return created(set, `/admin/auth/${account.user_id}`, account);
      },
      {
        permission: 'admin:auth',
        body: NewAccount,
        response: { 201: Account },
        ...describe('Open an account', 'Administration'),
      },
    )
    .get('/admin/auth/:user_id', ({ params }) => admin.readAccount(deps, params.user_id), {
      permission: 'admin:auth',
      ...byUserId,
      response: Account,
      ...describe('An account', 'Administration'),
    })
    .put(
      '/admin/auth/:user_id',
      ({ params, body, caller }) => admin.changeAccountAuth(deps, caller, params.user_id, body),
      {
        permission: 'admin:auth',
        ...byUserId,
        body: AccountChange,
        response: Account,
        ...describe(
          'Change an account; what is left out stays. A new password ends its sessions',
          'Administration',
        ),
      },
    )
    .delete(
      '/admin/auth/:user_id',
      ({ params, caller, set }) => noContent(set, operators.erasePerson(deps, caller, params.user_id)),
      {
        permission: 'admin:auth',
        ...byUserId,
        ...describe('Erase an account and its person', 'Administration'),
      },
    )
    .get(
      '/admin/audit',
      async ({ query, request, set }) => paged(set, request, await listAudit(deps, query)),
      {
        permission: 'audit:read',
        query: AuditQuery,
        response: AuditPage,
        ...describe('What those in charge did, newest first', 'Administration'),
      },
    );
