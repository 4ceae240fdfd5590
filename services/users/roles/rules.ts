/**
 * The role with every permission, those that operators create included. At least one active user always holds it. Nothing
 * else equals it: only administrators act on administrators, or appoint them.
 */
export const ADMINISTRATOR = 'admin';

/** The permissions that routes require, in this and in other services. */
export const PERMISSIONS: Readonly<Record<string, string>> = {
  'users:manage': 'Search, update and delete users who hold no permission that the operator lacks',
  'roles:manage':
    'Manage roles and their assignment to users, within the permissions that the operator holds',
  'admin:auth':
    'Manage email addresses, passwords and activation of users who hold no permission that the operator lacks',
  'audit:read': 'Read the audit log',
  'posts:moderate': 'Delete posts of other users',
  'chat:moderate': 'Edit and delete messages of other users',
  'files:manage': 'Read, update and delete files of other users',
  'resumes:read': 'Read the résumés of all users',
  'videos:disturb': 'Inject latency and failures into the simulated video platform (not in production)',
  'mails:read': 'Read sent mail',
  'accounts:deposit': 'Deposit money from outside the system',
  'accounts:read': 'Read the balances and transactions of all users',
  'payments:manage': 'Read and refund the payments of all users',
  'invoices:manage': 'Create invoices and read those of all users',
  'gateway:read': "Read the gateway's route table",
};

/** The roles that always exist. The code refers to them by name, so they cannot be renamed or deleted. */
export const BUILT_IN_ROLES: Readonly<
  Record<string, { description: string; permissions: readonly string[] }>
> = {
  [ADMINISTRATOR]: {
    description: 'Administrator: has every permission',
    permissions: Object.keys(PERMISSIONS),
  },
  moderator: {
    description: 'Moderates posts and chat messages',
    permissions: ['posts:moderate', 'chat:moderate'],
  },
  user: { description: 'Assigned to every user on registration', permissions: [] },
};

export const isBuiltIn = (roleName: string): boolean => Object.hasOwn(BUILT_IN_ROLES, roleName);

/**
 * Whether these grants include something that the operator does not hold. Administrators hold everything; nobody else holds
 * the administrator role by holding its permissions.
 */
export function exceeds(operator: Grants, grants: Grants): boolean {
  if (operator.roles.includes(ADMINISTRATOR)) return false;
  return (
    grants.roles.includes(ADMINISTRATOR) ||
    grants.permissions.some((permission) => !operator.permissions.includes(permission))
  );
}

/** Whether a role or a permission was removed. */
export function isReduced(before: Grants, after: Grants): boolean {
  return (
    before.roles.some((role) => !after.roles.includes(role)) ||
    before.permissions.some((permission) => !after.permissions.includes(permission))
  );
}

interface Grants {
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
}
