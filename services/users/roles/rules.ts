/** Names that are paths, or that would let somebody pass for the operators. */
const RESERVED_USERNAMES = new Set([
  ...['me', 'id', 'home', 'tag', 'search', 'stream', 'bookmarks', 'follow', 'unfollow', 'block', 'unblock'],
  ...['mute', 'unmute', 'likes', 'popular', 'counts', 'login', 'register', 'health', 'healthz', 'readyz'],
  ...[
    'metrics',
    'docs',
    'api',
    'www',
    'root',
    'system',
    'support',
    'moderator',
    'rookery',
    'everyone',
    'here',
  ],
]);

export const isReservedUsername = (username: string): boolean => RESERVED_USERNAMES.has(username);

/** Names and addresses are compared without case, so they are kept without it. */
export const normalizeUsername = (username: string): string => username.toLowerCase();
export const normalizeEmail = (email: string): string => email.trim().toLowerCase();

/** Who holds this role may do everything; somebody always does. */
export const ADMINISTRATOR = 'admin';

/** The permissions that routes name, here and in other services. */
export const PERMISSIONS: Readonly<Record<string, string>> = {
  'users:manage': 'Find, change and erase people',
  'roles:manage': 'Decide what roles permit, and who holds them',
  'admin:auth': 'Manage accounts: addresses, passwords, who may sign in, who is an administrator',
  'audit:read': 'Read what those in charge have done',
  'posts:moderate': "Delete other people's posts",
  'chat:moderate': "Edit and delete other people's messages",
  'files:manage': "Read, change and delete other people's files",
  'resumes:read': "Read everybody's résumés",
  'videos:disturb': 'Make the stand-in for a video platform slow and unreliable, outside of production',
  'mails:read': 'Read what was sent by mail',
  'accounts:deposit': 'Bring money in from outside',
  'accounts:read': "See everybody's balances and transactions",
  'payments:manage': "See everybody's payments, and give them back",
  'invoices:manage': "Write invoices to people, and see everybody's",
  'gateway:read': "Read the gateway's route table",
};

/** The roles that there always are. Their names stand in the code, so they can be neither renamed nor deleted. */
export const BUILT_IN_ROLES: Readonly<
  Record<string, { description: string; permissions: readonly string[] }>
> = {
  [ADMINISTRATOR]: { description: 'May do everything', permissions: Object.keys(PERMISSIONS) },
  moderator: { description: 'Keeps the place friendly', permissions: ['posts:moderate', 'chat:moderate'] },
  user: { description: 'Everybody who registers', permissions: [] },
};

export const isBuiltIn = (roleName: string): boolean => Object.hasOwn(BUILT_IN_ROLES, roleName);

/** Whether something that could be done before cannot be done any more. */
export function isReduced(before: Rights, after: Rights): boolean {
  return (
    before.roles.some((role) => !after.roles.includes(role)) ||
    before.permissions.some((permission) => !after.permissions.includes(permission))
  );
}

interface Rights {
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
}
