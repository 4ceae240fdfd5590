/** Usernames that are also paths of the API: they would hide a page or a person. Canonical keys. */
const PATHS = new Set([
  ...['me', 'id', 'home', 'tag', 'search', 'stream', 'bookmarks', 'follow', 'unfollow', 'block', 'unblock'],
  ...['mute', 'unmute', 'likes', 'popular', 'counts', 'login', 'register', 'health', 'healthz', 'readyz'],
  ...['metrics', 'docs', 'everyone', 'here'],
]);

/** Names that speak for the operators, or that strangers write to because by convention they are an operator's. */
const AUTHORITIES = [
  ...['admin', 'administrator', 'administration', 'sysadmin', 'superuser', 'sysop'],
  ...['root', 'system', 'moderator', 'staff', 'official', 'helpdesk', 'help', 'verification'],
  ...['rookery', 'rookery_team', 'rookery_staff', 'rookery_support', 'rookery_security', 'rookery_official'],
  ...['admin_team', 'support_team', 'security_team', 'the_admin', 'real_admin'],
  ...['billing', 'legal', 'privacy', 'press'],
  // RFC 2142, sections 3 to 5.
  ...['info', 'marketing', 'sales', 'support', 'abuse', 'noc', 'security'],
  ...['postmaster', 'hostmaster', 'usenet', 'news', 'webmaster', 'www', 'uucp', 'ftp'],
  // Senders of mail that nobody reads, and the addresses to which certificate authorities write.
  ...['mailer_daemon', 'noreply', 'donotreply', 'ssladmin', 'ssladministrator', 'sslwebmaster'],
  ...['api', 'oauth', 'auth', 'sso', 'gateway', 'registry'],
];

/**
 * What a name looks like at a glance: the skeleton of UTS 39 for the characters that a username may have, and the digits
 * that people read as letters besides. Underscores vanish: `a_d_m_i_n` is read as `admin`.
 */
const LOOKS_LIKE: Readonly<Record<string, string>> = {
  ...{ 0: 'o', 1: 'l', i: 'l', 3: 'e', 4: 'a', 5: 's', 7: 't', 8: 'b', 9: 'g', 2: 'z', 6: 'b' },
  ...{ rn: 'm', vv: 'w' },
};

const skeletonOf = (key: string): string =>
  key.replace(/_/g, '').replace(/rn|vv|[0-9i]/g, (seen) => LOOKS_LIKE[seen] ?? seen);

const AUTHORITY_SKELETONS = new Set(AUTHORITIES.map(skeletonOf));

/**
 * Whether nobody may register a username. Users who have it keep it.
 *
 * @param key `usernameKey` of the username
 */
export const isReservedUsername = (key: string): boolean =>
  PATHS.has(key) || AUTHORITY_SKELETONS.has(skeletonOf(key));
