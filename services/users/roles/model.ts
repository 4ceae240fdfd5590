import { type Static, Type } from '@sinclair/typebox';
import { t } from 'elysia';
import { defineProblem } from '#kit/errors/problem';
import { PageOf } from '#kit/http/pagination';

export const RoleNotFound = defineProblem('role.not-found', 404, 'There is no such role');
export const RoleNameTaken = defineProblem('role.name-taken', 409, 'There is a role of this name');
export const RoleBuiltIn = defineProblem(
  'role.built-in',
  409,
  'This role belongs to the system and keeps its name and place',
);
export const RoleInUse = defineProblem('role.in-use', 409, 'People hold this role');
export const AdministratorsKeep = defineProblem(
  'role.administrators-keep',
  409,
  'Administrators keep the permissions that the system itself asks for',
);
export const PermissionNameTaken = defineProblem(
  'permission.name-taken',
  409,
  'There is a permission of this name',
);

const RoleName = Type.String({
  pattern: '^[a-z][a-z0-9-]{1,62}$',
  error: 'Two to 63 lower-case letters, digits or hyphens, beginning with a letter',
  examples: ['editor'],
});
const PermissionName = Type.String({
  maxLength: 80,
  pattern: '^[a-z][a-z0-9-]*:[a-z][a-z0-9-]*$',
  error: 'A subject and a verb like posts:moderate',
  examples: ['posts:moderate'],
});
const Description = Type.String({ maxLength: 255 });
/** A role with more would make tokens too long for a header. */
const PermissionNames = Type.Array(PermissionName, { maxItems: 100, uniqueItems: true });

export const Role = Type.Object({
  id: Type.String(),
  name: Type.String(),
  description: Type.String(),
  built_in: Type.Boolean({ description: 'Can be neither renamed nor deleted' }),
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
      description: 'Also when people hold it: they lose it with everything it permits',
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
