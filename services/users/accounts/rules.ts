/** Usernames that are also paths, or that could impersonate the operators. Canonical keys. */
const RESERVED_USERNAMES = new Set([
  ...['me', 'id', 'home', 'tag', 'search', 'stream', 'bookmarks', 'follow', 'unfollow', 'block', 'unblock'],
  ...['mute', 'unmute', 'likes', 'popular', 'counts', 'login', 'register', 'health', 'healthz', 'readyz'],
  ...['metrics', 'docs', 'api', 'www', 'root', 'system', 'support', 'moderator', 'rookery', 'everyone'],
  'here',
]);

/** @param key `usernameKey` of the username */
export const isReservedUsername = (key: string): boolean => RESERVED_USERNAMES.has(key);
