import type { UserProfile } from '#contracts/gen/users/v1/users';
import type { Caller } from '#kit/auth/caller';
import { Problem } from '#kit/errors/problem';
import { PersonNotFound } from './model';
import * as store from './people-store';
import type { TimelinesDeps } from './service';

/** A created person's event is usually here within milliseconds: so long is worth waiting for users instead. */
const ASK_DEADLINE_MS = 500;
/** Unknown names of one post that users is asked about; the others stay plain text. */
const MOST_ASKED = 5;

/**
 * The author of a new post. One whose event has not arrived yet is asked for; with users away the token's username
 * stands in until then.
 *
 * @throws PersonNotFound when they have been erased
 */
export async function findAuthor(deps: TimelinesDeps, author: Pick<Caller, 'id' | 'username'>) {
  const { id, username } = author;
  let person = await store.findPerson(deps.database, id);
  if (person === undefined) {
    const { users } = await deps.users
      .getUsers({ ids: [id] }, { deadlineMs: ASK_DEADLINE_MS })
      .catch((failure: unknown) => {
        deps.runtime.log.warn({ err: failure, user_id: id }, 'users was not asked about a new author');
        return { users: [] };
      });
    const [profile] = users;
    await keep(
      deps,
      profile ?? {
        id,
        username: username.toLowerCase(),
        display_name: username,
        version: 0,
        avatar_url: undefined,
      },
    );
    person = await store.findPerson(deps.database, id);
  }
  if (person === undefined || person.deleted) throw new PersonNotFound();
  return person;
}

/**
 * The person behind a username.
 *
 * @throws PersonNotFound when there is none
 */
export async function findByUsername(deps: TimelinesDeps, username: string): Promise<{ id: string }> {
  const name = username.toLowerCase();
  const [known] = await store.findPeopleByUsername(deps.database, [name]);
  const person = known ?? (await askByUsername(deps, name));
  if (person === undefined) throw new PersonNotFound();
  return person;
}

/** The people behind the usernames in a text; names of nobody are left out. */
export async function findMentionedPeople(deps: TimelinesDeps, usernames: readonly string[]) {
  const known = await store.findPeopleByUsername(deps.database, usernames);
  const names = new Set(known.map((person) => person.username));
  const unknown = usernames.filter((username) => !names.has(username)).slice(0, MOST_ASKED);
  const asked = await Promise.all(
    unknown.map((username) =>
      askByUsername(deps, username).catch((failure: unknown) => {
        deps.runtime.log.warn({ err: failure }, 'users was not asked about a mentioned name');
        return undefined;
      }),
    ),
  );
  return [...known, ...asked.flatMap((person) => person ?? [])].map(({ id, username }) => ({ id, username }));
}

/** Asks users, and keeps the answer. Undefined when there is nobody of that name. */
async function askByUsername(deps: TimelinesDeps, username: string): Promise<UserProfile | undefined> {
  try {
    const { user } = await deps.users.getUserByUsername({ username }, { deadlineMs: ASK_DEADLINE_MS });
    if (user) await keep(deps, user);
    return user;
  } catch (failure) {
    if (failure instanceof Problem && failure.status === 404) return undefined;
    throw failure;
  }
}

const keep = (deps: TimelinesDeps, profile: UserProfile) =>
  store.keepPerson(deps.database, {
    id: profile.id,
    username: profile.username,
    displayName: profile.display_name,
    avatarUrl: profile.avatar_url ?? null,
    version: profile.version,
    deleted: false,
  });
