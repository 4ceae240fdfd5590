/**
 * What a person can allow an app (RFC 6749, 3.3), with the words of the consent page. The names are those of the client
 * API of Mastodon, so that its apps can ask for them, and of OpenID Connect.
 */
export const SCOPES = {
  openid: 'Know who you are',
  profile: 'See your name, picture and profile',
  email: 'See your email address',
  offline_access: 'Stay signed in while you are away',
  read: 'Read everything that you can read here',
  'read:accounts': 'See profiles, also those that only you can see',
  'read:blocks': 'See whom you have blocked',
  'read:bookmarks': 'See your bookmarks',
  'read:chat': 'Read your conversations',
  'read:favourites': 'See what you like',
  'read:filters': 'See your filters',
  'read:follows': 'See whom you follow and who asks to follow you',
  'read:lists': 'See your lists',
  'read:media': 'See your files',
  'read:mutes': 'See whom you have muted',
  'read:notifications': 'See your notifications',
  'read:playlists': 'See your playlists',
  'read:resumes': 'See your résumés',
  'read:search': 'Search for you',
  'read:statuses': 'Read your timelines, and posts that only you can see',
  write: 'Change everything that you can change here',
  'write:accounts': 'Change your profile',
  'write:blocks': 'Block people',
  'write:bookmarks': 'Add and remove bookmarks',
  'write:chat': 'Send messages',
  'write:conversations': 'Mute and delete conversations',
  'write:favourites': 'Like posts',
  'write:filters': 'Change your filters',
  'write:follows': 'Follow people',
  'write:lists': 'Change your lists',
  'write:media': 'Upload and change files',
  'write:mutes': 'Mute people and conversations',
  'write:notifications': 'Change and clear your notifications',
  'write:playlists': 'Change your playlists',
  'write:reports': 'Report people',
  'write:resumes': 'Change your résumés',
  'write:statuses': 'Post, edit and delete posts, and vote',
  follow: 'Follow, mute and block people',
  push: 'Send you notifications',
} as const;

export type Scope = keyof typeof SCOPES;

/** What the scope `follow` of old apps stands for. */
const OF_FOLLOW = ['blocks', 'follows', 'mutes'].flatMap((name) => [`read:${name}`, `write:${name}`]);

export const isScope = (name: string): name is Scope => Object.hasOwn(SCOPES, name);

/**
 * @param granted names of scopes, as in a token
 * @returns whether one of them is the needed one or contains it: `write` contains `write:media`
 */
export const coversScope = (granted: readonly string[], needed: Scope): boolean =>
  granted.some(
    (scope) =>
      scope === needed ||
      needed.startsWith(`${scope}:`) ||
      (scope === 'follow' && OF_FOLLOW.includes(needed)),
  );

/** The distinct names in a `scope` parameter (RFC 6749, 3.3), in its order. */
export const scopesIn = (text: string): string[] => [
  ...new Set(text.split(' ').filter((name) => name !== '')),
];
