import { eq } from 'drizzle-orm';
import type { MySqlTable } from 'drizzle-orm/mysql-core';
import { drizzle } from 'drizzle-orm/mysql2';
import { createPasswords } from '#kit/auth/passwords';
import { createIdGenerator, uuidv7 } from '#kit/core/ids';
import { createMysqlPool, type Database } from '#kit/mysql/database';
import { emailKey } from '#kit/text/email';
import { searchTokens } from '#kit/text/search-tokens';
import { databaseOf } from '../../scripts/databases';
import { type Graph, usernameOf } from '../../scripts/graph/edges';
import { migrateAll } from '../../scripts/migrate';
import * as auth from '../../services/auth/schema';
import { namesIn } from '../../services/timelines/posts/names';
import { TEXT_VERSION } from '../../services/timelines/posts/text-index';
import * as timelines from '../../services/timelines/schema';
import { ensureRoles } from '../../services/users/bootstrap';
import * as users from '../../services/users/schema';
import { createRandom } from './random';

/** A person of the graph in the system. */
export interface Person {
  readonly id: string;
  readonly username: string;
  /** The usernames of those whom they follow, who follow them too. */
  readonly friends: readonly string[];
}

/** Everybody's, because hashing takes its time. */
export const PASSWORD = 'a password of the benchmark';

const ROWS_PER_INSERT = 500;
const HOUR_MS = 3_600_000;
/** Posts are this far apart, and the last is an hour old. */
const POST_EVERY_MS = 20_000;
/** Above those of the processes that create posts. */
const ID_WORKER = 15;

/**
 * Writes people, their follows and their posts into the databases of users, timelines and auth: the rows that registering,
 * following and posting through the API would leave there, a hundred times as fast. Nothing may be running yet.
 *
 * @param environment addresses and credentials of the servers
 */
export async function populate(
  environment: Readonly<Record<string, string>>,
  graph: Graph,
  { postsEach }: { postsEach: number },
): Promise<void> {
  await migrateAll({ ...environment }, AbortSignal.timeout(240_000));
  const people: Person[] = graph.people.map((name) => ({
    id: uuidv7(),
    username: usernameOf(name),
    friends: [...(graph.friends.get(name) ?? [])].map(usernameOf),
  }));
  await withDatabase('users', environment, async (database) => {
    await ensureRoles(database);
    await writeUsers(database, people, postsEach);
  });
  await withDatabase('auth', environment, async (database) => writeCredentials(database, people));
  await withDatabase('timelines', environment, async (database) => {
    await writeReplicas(database, people);
    await writePosts(database, people, postsEach);
  });
}

/** The people that have been written, from the database of users. */
export async function readPopulation(
  environment: Readonly<Record<string, string>>,
  graph: Graph,
): Promise<Person[]> {
  return withDatabase('users', environment, async (database) => {
    const rows = await database
      .select({ id: users.users.id, username: users.users.username })
      .from(users.users);
    const ids = new Map(rows.map((row) => [row.username, row.id]));
    return graph.people.map((name) => {
      const username = usernameOf(name);
      const id = ids.get(username);
      if (id === undefined) throw new Error(`${username} is missing: the kept data is of another graph`);
      return { id, username, friends: [...(graph.friends.get(name) ?? [])].map(usernameOf) };
    });
  });
}

/** Runs `work` with the database of a service. */
export async function withDatabase<Result>(
  service: string,
  environment: Readonly<Record<string, string>>,
  work: (database: Database) => Promise<Result>,
): Promise<Result> {
  const pool = createMysqlPool(databaseOf(service, { ...environment }), 4);
  try {
    return await work(drizzle(pool));
  } finally {
    await pool.end();
  }
}

async function writeUsers(database: Database, people: readonly Person[], postsEach: number): Promise<void> {
  const { users: table, userRoles, roles, follows } = users;
  await insertAll(
    database,
    table,
    people.map(({ id, username, friends }) => ({
      id,
      username,
      email: `${username}@example.com`,
      emailKey: emailKey(`${username}@example.com`),
      emailVerifiedAt: new Date(),
      displayName: username,
      followersCount: friends.length,
      followeesCount: friends.length,
      postsCount: postsEach,
    })),
  );
  const [role] = await database.select().from(roles).where(eq(roles.name, 'user'));
  if (role === undefined) throw new Error('The role "user" is missing');
  await insertAll(
    database,
    userRoles,
    people.map(({ id }) => ({ userId: id, roleId: role.id })),
  );
  const nextId = createIdGenerator(ID_WORKER, () => Date.now() - HOUR_MS);
  await insertAll(
    database,
    follows,
    edgesOf(people).map((edge) => ({ ...edge, active: true, version: 1, since: nextId() })),
  );
}

async function writeCredentials(database: Database, people: readonly Person[]): Promise<void> {
  const passwordHash = await createPasswords().rehash(PASSWORD);
  await insertAll(
    database,
    auth.credentials,
    people.map(({ id, username }) => ({
      userId: id,
      username,
      email: `${username}@example.com`,
      emailKey: emailKey(`${username}@example.com`),
      passwordHash,
      ...{ version: 1, usernameVersion: 1, credentialsVersion: 1, emailVersion: 1 },
    })),
  );
}

async function writeReplicas(database: Database, people: readonly Person[]): Promise<void> {
  await insertAll(
    database,
    timelines.people,
    people.map(({ id, username }) => ({ id, username, displayName: username, version: 1 })),
  );
  await insertAll(
    database,
    timelines.follows,
    edgesOf(people).map((edge) => ({ ...edge, active: true, version: 1 })),
  );
}

/** In a random order, so that a home timeline mixes its authors. */
async function writePosts(database: Database, people: readonly Person[], postsEach: number): Promise<void> {
  const random = createRandom(3);
  const total = people.length * postsEach;
  let at = Date.now() - HOUR_MS - total * POST_EVERY_MS;
  const nextId = createIdGenerator(ID_WORKER, () => (at += POST_EVERY_MS));
  const drafts = people
    .flatMap((author) =>
      Array.from({ length: postsEach }, (_, index) => ({ author, index, order: random() })),
    )
    .sort((one, other) => one.order - other.order)
    .map(({ author, index }) => {
      const text = `Post ${index + 1} of ${author.username} #graph`;
      return { id: nextId(), authorId: author.id, text, hashtags: namesIn(text).hashtags };
    });
  await insertAll(
    database,
    timelines.posts,
    drafts.map((draft) => ({
      ...draft,
      visibility: 'public' as const,
      mediaIds: [],
      textVersion: TEXT_VERSION,
      searchTokens: searchTokens(draft.text, 'index').join(' '),
    })),
  );
  await insertAll(
    database,
    timelines.postHashtags,
    drafts.flatMap(({ id, hashtags }) => hashtags.map((tag) => ({ tag, postId: id }))),
  );
}

function edgesOf(people: readonly Person[]): { followerId: string; followeeId: string }[] {
  const ids = new Map(people.map(({ username, id }) => [username, id]));
  return people.flatMap(({ id, friends }) =>
    friends.flatMap((friend) => {
      const followeeId = ids.get(friend);
      return followeeId === undefined ? [] : [{ followerId: id, followeeId }];
    }),
  );
}

async function insertAll<Table extends MySqlTable>(
  database: Database,
  table: Table,
  rows: readonly Table['$inferInsert'][],
): Promise<void> {
  for (let start = 0; start < rows.length; start += ROWS_PER_INSERT)
    await database.insert(table).values(rows.slice(start, start + ROWS_PER_INSERT));
}
