import type { UserProfile } from '#contracts/gen/users/v1/users';
import type { Caller } from '#kit/auth/caller';
import { Problem } from '#kit/errors/problem';
import { usernameKey } from '#kit/text/identity';
import type { TimelinesDeps } from '../deps';
import { UserNotFound } from '../model';
import { type Person, personOf } from './person';
import * as store from './store';

/** A new user's event usually arrives within milliseconds; until then the users service is called, for at most this long. */
const USERS_DEADLINE_MS = 500;
/** Maximum number of unknown usernames of one post that are looked up; further ones stay plain text. */
const MAX_LOOKUPS = 5;

type LookupDeps = Pick<TimelinesDeps, 'runtime' | 'database' | 'users' | 'caches' | 'changes'>;

/**
 * Finds the author of a new post. When their event has not arrived yet the users service is called; while it is
 * unavailable the username of the token stands in until the event arrives.
 *
 * @throws UserNotFound when the author has been erased
 */
export async function findAuthor(deps: LookupDeps, author: Pick<Caller, 'id' | 'username'>): Promise<Person> {
  await deps.changes.current();
  const person = (await deps.caches.people.get(author.id)) ?? (await fetchAuthor(deps, author));
  if (person === undefined || person.isErased) throw new UserNotFound();
  return person;
}

async function fetchAuthor(
  deps: LookupDeps,
  { id, username }: Pick<Caller, 'id' | 'username'>,
): Promise<Person | undefined> {
  const { users } = await deps.users
    .getUsers({ ids: [id] }, { deadlineMs: USERS_DEADLINE_MS })
    .catch((failure: unknown) => {
      deps.runtime.log.warn(
        { err: failure, user_id: id },
        'users is unavailable; author taken from the token',
      );
      return { users: [] };
    });
  const [profile] = users;
  const ofToken = { id, username: usernameKey(username), display_name: username, version: 0 };
  await saveProfile(deps, profile ?? { ...ofToken, avatar_url: undefined });
  const saved = await store.findPerson(deps.database, id);
  return saved && personOf(saved);
}

/** Finds the people with these usernames; unknown ones are omitted. To be called after `openViewer`. */
export async function findMentionedPeople(
  deps: LookupDeps,
  usernames: readonly string[],
): Promise<{ id: string; username: string }[]> {
  const remembered = await Promise.all(usernames.map((username) => rememberedPerson(deps, username)));
  const known = remembered.filter((person) => person !== undefined);
  const unknown = usernames.filter((_, index) => remembered[index] === undefined).slice(0, MAX_LOOKUPS);
  const fetched = await Promise.all(
    unknown.map((username) =>
      fetchByUsername(deps, username).catch((failure: unknown) => {
        deps.runtime.log.warn({ err: failure }, 'users is unavailable; a mention stays plain text');
        return undefined;
      }),
    ),
  );
  return [...known, ...fetched.flatMap((person) => person ?? [])].map(({ id, username }) => ({
    id,
    username,
  }));
}

/** Usernames are ASCII. Any other letter would be compared by the collation of the database, for which é equals e. */
const USERNAME = /^[A-Za-z0-9_]{1,30}$/;

/** @throws UserNotFound */
export async function findByUsername(deps: LookupDeps, username: string): Promise<{ id: string }> {
  if (!USERNAME.test(username)) throw new UserNotFound();
  const name = usernameKey(username);
  const person = (await rememberedPerson(deps, name)) ?? (await fetchByUsername(deps, name));
  if (person === undefined) throw new UserNotFound();
  return person;
}

/** A name outlives its owner's account: who is erased by now is looked up again. */
async function rememberedPerson({ caches }: LookupDeps, name: string): Promise<Person | undefined> {
  for (let attempt = 0; attempt < 2; attempt++) {
    const person = await caches.peopleByUsername.get(name);
    if (person === undefined) return undefined;
    const current = await caches.people.get(person.id);
    if (current?.isErased === false && current.username === name) return current;
    caches.peopleByUsername.forget(name);
  }
  return undefined;
}

/** Fetches a profile from the users service and stores it. @returns undefined when no user has that name */
async function fetchByUsername(deps: LookupDeps, username: string): Promise<UserProfile | undefined> {
  try {
    const { user } = await deps.users.getUserByUsername({ username }, { deadlineMs: USERS_DEADLINE_MS });
    if (user) await saveProfile(deps, user);
    return user;
  } catch (failure) {
    if (failure instanceof Problem && failure.status === 404) return undefined;
    throw failure;
  }
}

async function saveProfile(deps: LookupDeps, profile: UserProfile): Promise<void> {
  await store.upsertPerson(deps.database, {
    id: profile.id,
    username: profile.username,
    displayName: profile.display_name,
    avatarUrl: profile.avatar_url ?? null,
    version: profile.version,
    deleted: false,
  });
  await deps.changes.announce([{ kind: 'person', personId: profile.id }]);
}
