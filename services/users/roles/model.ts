import { type Static, Type } from '@sinclair/typebox';
import { t } from 'elysia';
import { defineProblem } from '#kit/errors/problem';
import { nameKey } from '#kit/http/lists/keys';
import { PageOf } from '#kit/http/lists/pagination';
import { text } from '#kit/text/schema';

export const RoleNotFound = defineProblem('role.not-found', 404, 'Role not found');
export const RoleNameTaken = defineProblem('role.name-taken', 409, 'Role name already taken');
export const RoleBuiltIn = defineProblem('role.built-in', 409, 'Built-in roles cannot be renamed or deleted');
export const RoleInUse = defineProblem('role.in-use', 409, 'Role in use');
export const AdministratorPermissionsRequired = defineProblem(
  'role.administrators-keep',
  409,
  'Built-in permissions cannot be removed from the administrator role',
);
export const PermissionNameTaken = defineProblem(
  'permission.name-taken',
  409,
  'Permission name already taken',
);
export const ExceedsOwnPermissions = defineProblem(
  'permission.exceeds-own',
  403,
  'Exceeds your own permissions',
);
export const LastAdministrator = defineProblem(
  'user.last-administrator',
  409,
  'The last administrator cannot be removed',
);

const ROLE_NAME = '^[a-z][a-z0-9-]{1,62}$';
const PERMISSION_NAME = '^[a-z][a-z0-9-]*:[a-z][a-z0-9-]*$';
/** The sort keys of the lists. */
export const roleNameKey = nameKey(new RegExp(ROLE_NAME));
export const permissionNameKey = nameKey(new RegExp(PERMISSION_NAME));

const RoleName = Type.String({
  pattern: ROLE_NAME,
  error: '2 to 63 lower-case letters, digits or hyphens, starting with a letter',
  examples: ['editor'],
});
const PermissionName = Type.String({
  maxLength: 80,
  pattern: PERMISSION_NAME,
  error: 'A subject and an action, for example posts:moderate',
  examples: ['posts:moderate'],
});
const Description = text({ min: 0, max: 255 });
/** More permissions would make access tokens too long for a header. */
const PermissionNames = Type.Array(PermissionName, { maxItems: 100, uniqueItems: true });

export const Role = Type.Object({
  id: Type.String(),
  name: Type.String(),
  description: Type.String(),
  built_in: Type.Boolean({ description: 'Built-in roles cannot be renamed or deleted' }),
  permissions: Type.Array(Type.String()),
});
export type Role = Static<typeof Role>;
export const RolePage = PageOf(Role);

export const NewRole = Type.Object({
  name: RoleName,
  description: Type.Optional(Description),
  permissions: Type.Optional(PermissionNames),
});
export type NewRole = Static<typeof NewRole>;

export const RoleChange = Type.Object({
  name: Type.Optional(RoleName),
  description: Type.Optional(Description),
});
export type RoleChange = Static<typeof RoleChange>;

export const RolePermissions = Type.Object({ permissions: PermissionNames });

export const RoleDeletion = Type.Object({
  force: Type.Optional(
    t.Boolean({
      default: false,
      description: 'Delete the role even if users hold it; they lose its permissions',
    }),
  ),
});

export const Permission = Type.Object({
  id: Type.String(),
  name: Type.String(),
  description: Type.String(),
});
export type Permission = Static<typeof Permission>;
export const PermissionPage = PageOf(Permission);

export const NewPermission = Type.Object({ name: PermissionName, description: Type.Optional(Description) });
export type NewPermission = Static<typeof NewPermission>;

export const RoleNames = Type.Object({ roles: Type.Array(RoleName, { maxItems: 20, uniqueItems: true }) });

export const Authorizations = Type.Object({
  roles: Type.Array(Type.String()),
  permissions: Type.Array(Type.String()),
});
