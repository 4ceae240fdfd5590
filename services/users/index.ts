import { Elysia } from 'elysia';
import { problemPage } from '#kit/http/html/problem-page';
import { platform } from '#kit/http/platform';
import * as accountsModel from './accounts/model';
import { accountRoutes } from './accounts/routes';
import * as addressesModel from './addresses/model';
import { addressRoutes } from './addresses/routes';
import * as auditModel from './audit/model';
import type { UsersDeps } from './deps';
import { featureRoutes } from './features/routes';
import * as operatorsModel from './operators/model';
import { operatorRoutes } from './operators/routes';
import * as relationshipsModel from './relationships/model';
import { relationshipRoutes } from './relationships/routes';
import * as rolesModel from './roles/model';
import { roleRoutes } from './roles/routes';

export const users = (deps: UsersDeps) =>
  new Elysia({ name: 'users' })
    .use(
      platform(deps.runtime, {
        problemPage,
        description: 'Users: registration, profiles, follows, blocks and mutes, roles and permissions.',
        schemas: {
          ...accountsModel,
          ...addressesModel,
          ...auditModel,
          ...operatorsModel,
          ...relationshipsModel,
          ...rolesModel,
        },
        tags: {
          Registration: 'Registration of accounts.',
          Sessions: 'Sign-in by username or email address.',
          Addresses: 'Verification and change of email addresses.',
          Profiles: 'Public profiles, and the own one.',
          Relationships: 'Follows, blocks and mutes.',
          Features: 'Feature flags.',
          Operators: 'Users as operators manage them.',
          Administration: 'Accounts and the audit log.',
          Roles: 'Roles and permissions.',
        },
      }),
    )
    .use(accountRoutes(deps))
    .use(addressRoutes(deps))
    .use(relationshipRoutes(deps))
    .use(featureRoutes(deps))
    .use(operatorRoutes(deps))
    .use(roleRoutes(deps));
