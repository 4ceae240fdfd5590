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
