import type { Cache } from '#kit/core/cache';
import { createCache } from '#kit/core/cache';
import { NEWEST_POSTS, type NewestPosts, newestPosts } from '../lists/newest';
import { listByAuthors, listPublic } from '../lists/store';
import { type Person, personOf } from '../people/person';
import { type Relations, sizeOf } from '../people/relations';
import { readRelations } from '../people/relations-store';
import { findPeopleByUsername, readPeople } from '../people/store';
import { LARGEST_BATCH, readMentions, readPosts } from '../posts/read-store';
import { missingPost, type StoredPost, storedPost, weightOfPost } from '../posts/stored-post';
import type { CacheDeps } from './deps';
import { createLikeCaches, type LikeCaches } from './likes';

/**
 * What a process remembers of the database. Every change of it is announced (`changes.ts`) and drops what it concerns, so
 * the present state is read once the announcements until then have arrived. The age is a second line: of a process that
 * was killed between a change and its announcement.
 */
const MAX_AGE_MS = 30_000;

const MAX_POST_BYTES = 24 * 1024 * 1024;
const MAX_PEOPLE = 20_000;
/** Relations of all remembered viewers together, each about 100 bytes. */
const MAX_RELATIONS = 200_000;
const MAX_LISTS = 2_000;
/** The key of the public timeline among the lists, which no id of an author equals. */
export const PUBLIC = 'public';

export interface Caches extends LikeCaches {
  /** By id, deleted ones included, and ids without a post as deleted ones. */
  readonly posts: Cache<StoredPost>;
  /** By id, erased ones included. */
  readonly people: Cache<Person>;
  /** By lower-case username. */
  readonly peopleByUsername: Cache<Person>;
  /** By the id of the viewer. */
  readonly relations: Cache<Relations>;
  /** By the id of the author, and the public timeline. */
  readonly newest: Cache<NewestPosts>;
}

export function createCaches(deps: CacheDeps): Caches {
  const { runtime, database, mayRemember } = deps;
  const common = { maxAgeMs: () => MAX_AGE_MS, mayRemember };
  return {
    posts: createCache<StoredPost>(runtime, {
      ...common,
      name: 'posts',
      maxWeight: MAX_POST_BYTES,
      weightOf: weightOfPost,
      batchKeys: LARGEST_BATCH,
      load: (ids) => loadPosts(deps, ids),
    }),
    people: createCache<Person>(runtime, {
      ...common,
      name: 'people',
      maxWeight: MAX_PEOPLE,
      load: async (ids) => keyed(await readPeople(database, ids), (row) => [row.id, personOf(row)]),
    }),
    peopleByUsername: createCache<Person>(runtime, {
      ...common,
      name: 'people-by-username',
      maxWeight: MAX_PEOPLE,
      load: async (names) =>
        keyed(await findPeopleByUsername(database, names), (row) => [row.username, personOf(row)]),
    }),
    relations: createCache<Relations>(runtime, {
      ...common,
      name: 'relations',
      maxWeight: MAX_RELATIONS,
      weightOf: sizeOf,
      load: (ids) => loadEach(ids, (id) => readRelations(database, id)),
    }),
    newest: createCache<NewestPosts>(runtime, {
      ...common,
      name: 'newest-posts',
      maxWeight: MAX_LISTS,
      load: (keys) => loadEach(keys, (key) => loadNewest(deps, key)),
    }),
    ...createLikeCaches(deps),
  };
}

async function loadPosts({ database }: CacheDeps, ids: readonly string[]): Promise<Map<string, StoredPost>> {
  const rows = await readPosts(database, ids);
  const withMentions = rows.filter((row) => row.text.includes('@')).map((row) => row.id);
  const mentions = await readMentions(database, withMentions);
  const missing = ids.map((id): [string, StoredPost] => [id, missingPost(id)]);
  const found = rows.map((row): [string, StoredPost] => [
    row.id,
    storedPost(row, mentions.get(row.id) ?? []),
  ]);
  return new Map([...missing, ...found]);
}

async function loadNewest({ database }: CacheDeps, key: string): Promise<NewestPosts> {
  const slice = { after: null, limit: NEWEST_POSTS };
  const entries =
    key === PUBLIC ? await listPublic(database, slice) : await listByAuthors(database, [key], slice);
  return newestPosts(entries.map(({ id }) => id));
}

const keyed = <Row, Value>(
  rows: readonly Row[],
  entryOf: (row: Row) => [string, Value],
): Map<string, Value> => new Map(rows.map(entryOf));

async function loadEach<Value>(
  keys: readonly string[],
  load: (key: string) => Promise<Value>,
): Promise<Map<string, Value>> {
  return new Map(
    await Promise.all(keys.map(async (key): Promise<[string, Value]> => [key, await load(key)])),
  );
}
