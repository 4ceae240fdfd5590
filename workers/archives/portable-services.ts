/**
 * The services that store data of people, in the order in which an archive is imported: a service after those that its
 * records refer to. `tests/portability.test.ts` compares the list with the services.
 */
export const PORTABLE_SERVICES = [
  'users',
  'auth',
  'notifications',
  'media',
  'polls',
  'timelines',
  'likes',
  'playlists',
  'resumes',
  'chat',
  'accounts',
  'payments',
  'billing',
  'mail',
] as const;

export type PortableService = (typeof PORTABLE_SERVICES)[number];
