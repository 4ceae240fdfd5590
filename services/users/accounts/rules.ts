/** Usernames that are also paths, or that could impersonate the operators. */
const RESERVED_USERNAMES = new Set([
  ...['me', 'id', 'home', 'tag', 'search', 'stream', 'bookmarks', 'follow', 'unfollow', 'block', 'unblock'],
  ...['mute', 'unmute', 'likes', 'popular', 'counts', 'login', 'register', 'health', 'healthz', 'readyz'],
  ...['metrics', 'docs', 'api', 'www', 'root', 'system', 'support', 'moderator', 'rookery', 'everyone'],
  'here',
]);

export const isReservedUsername = (username: string): boolean => RESERVED_USERNAMES.has(username);

/** Usernames and email addresses are case-insensitive: they are stored in lower case. */
export const normalizeUsername = (username: string): string => username.toLowerCase();
export const normalizeEmail = (email: string): string => email.trim().toLowerCase();
