import { eq, getTableName, sql } from 'drizzle-orm';
import type { MySqlTable } from 'drizzle-orm/mysql-core';
import { drizzle } from 'drizzle-orm/mysql2';
import { Registry } from 'prom-client';
import { createPasswords } from '#kit/auth/passwords';
import { createIdGenerator, firstIdAt } from '#kit/core/ids';
import { createMysqlPool, type Database } from '#kit/mysql/database';
import { emailKey } from '#kit/text/email';
import { searchTokens } from '#kit/text/search-tokens';
import { databaseOf } from '../../scripts/databases';
import { migrateAll } from '../../scripts/migrate';
import * as auth from '../../services/auth/schema';
import { TEXT_VERSION } from '../../services/timelines/posts/maintenance/text-index';
import { namesIn } from '../../services/timelines/posts/names';
import * as timelines from '../../services/timelines/schema';
import { ensureRoles } from '../../services/users/bootstrap';
import * as users from '../../services/users/schema';
import { idOf, type Network } from './network';
import { createRandom } from './random';

/** Addresses and credentials of the servers. */
export type ServerEnvironment = Readonly<Record<string, string>>;

/** Everybody's, because hashing takes its time. */
export const PASSWORD = 'a password of the benchmark';

const ROWS_PER_INSERT = 500;
const FOLLOWS_PER_INSERT = 5_000;
const MIGRATION_TIMEOUT_MS = 240_000;
const HOUR_MS = 3_600_000;
/** The posts were written within this time, which ended an hour ago. */
const POSTS_WITHIN_MS = 24 * HOUR_MS;
/** Only this loader writes ids of the past. */
const ID_WORKER = 15;

/**
 * Writes people, their follows and their posts into the databases of users, timelines and auth: the rows that registering,
 * following and posting through the API leave there, a hundred times as fast. Nothing may be running yet.
 */
export async function populate(
  environment: ServerEnvironment,
  network: Network,
  { postsEach }: { postsEach: number },
): Promise<void> {
  await migrateAll({ ...environment }, AbortSignal.timeout(MIGRATION_TIMEOUT_MS));
  await withDatabase('users', environment, async (database) => {
    await ensureRoles(database);
    await writeUsers(database, network, postsEach);
    const since = firstIdAt(new Date(Date.now() - POSTS_WITHIN_MS));
    await writeFollows(database, network, { table: users.follows, columns: { since } });
  });
  await withDatabase('auth', environment, (database) => writeCredentials(database, network));
  await withDatabase('timelines', environment, async (database) => {
    await insertAll(database, timelines.people, network.usernames, (username, person) => ({
      ...{ id: idOf(person), username, displayName: username, version: 1 },
    }));
    await writeFollows(database, network, { table: timelines.follows, columns: {} });
    await writePosts(database, network, postsEach);
  });
}

/** Runs `work` with the database of a service. */
export async function withDatabase<Result>(
  service: string,
  environment: ServerEnvironment,
  work: (database: Database) => Promise<Result>,
): Promise<Result> {
  const pool = createMysqlPool(databaseOf(service, { ...environment }), 4);
  try {
    return await work(drizzle(pool));
  } finally {
    await pool.end();
  }
}

const emailOf = (username: string) => `${username}@example.com`;

async function writeUsers(database: Database, network: Network, postsEach: number): Promise<void> {
  const { usernames, followees } = network;
  const followers = new Uint32Array(usernames.length);
  const counts = usernames.map((_, person) => {
    let count = 0;
    for (const followee of followees(person)) {
      followers[followee] = (followers[followee] ?? 0) + 1;
      count++;
    }
    return count;
  });
  await insertAll(database, users.users, usernames, (username, person) => ({
    id: idOf(person),
    username,
    email: emailOf(username),
    emailKey: emailKey(emailOf(username)),
    emailVerifiedAt: new Date(),
    displayName: username,
    followersCount: followers[person] ?? 0,
    followeesCount: counts[person] ?? 0,
    postsCount: postsEach,
  }));
  const [role] = await database.select().from(users.roles).where(eq(users.roles.name, 'user'));
  if (role === undefined) throw new Error('The role "user" is missing');
  await insertAll(database, users.userRoles, usernames, (_, person) => ({
    userId: idOf(person),
    roleId: role.id,
  }));
}

async function writeCredentials(database: Database, { usernames }: Network): Promise<void> {
  const passwordHash = await createPasswords(new Registry()).rehash(PASSWORD, { key: 'bench' });
  await insertAll(database, auth.credentials, usernames, (username, person) => ({
    userId: idOf(person),
    username,
    email: emailOf(username),
    emailKey: emailKey(emailOf(username)),
    passwordHash,
    ...{ version: 1, usernameVersion: 1, credentialsVersion: 1, emailVersion: 1 },
  }));
}

/** Without a query builder: there are millions. */
async function writeFollows(
  database: Database,
  { usernames, followees }: Network,
  { table, columns }: { table: MySqlTable; columns: Readonly<Record<string, string>> },
): Promise<void> {
  const names = ['follower_id', 'followee_id', 'active', 'version', ...Object.keys(columns)];
  const rest = ['1', '1', ...Object.values(columns)].join();
  const insert = `insert into \`${getTableName(table)}\` (${names.join()}) values `;
  const hex = (person: number) => `x'${idOf(person).replaceAll('-', '')}'`;
  let rows: string[] = [];
  const flush = async () => {
    if (rows.length > 0) await database.execute(sql.raw(insert + rows.join()));
    rows = [];
  };
  for (let person = 0; person < usernames.length; person++) {
    const follower = hex(person);
    for (const followee of followees(person)) rows.push(`(${follower},${hex(followee)},${rest})`);
    if (rows.length >= FOLLOWS_PER_INSERT) await flush();
  }
  await flush();
}

/** In a random order, so that a home timeline mixes its authors. */
async function writePosts(database: Database, { usernames }: Network, postsEach: number): Promise<void> {
  const random = createRandom(3);
  const authors = usernames.flatMap((_, person) => Array.from({ length: postsEach }, () => person));
  for (let index = authors.length - 1; index > 0; index--) {
    const other = Math.floor(random() * (index + 1));
    [authors[index], authors[other]] = [authors[other] ?? 0, authors[index] ?? 0];
  }
  const everyMs = POSTS_WITHIN_MS / Math.max(1, authors.length);
  let at = Date.now() - HOUR_MS - POSTS_WITHIN_MS;
  const nextId = createIdGenerator(ID_WORKER, () => {
    at += everyMs;
    return Math.floor(at);
  });
  const drafts = authors.map((author, index) => {
    const text = `Post ${index} by ${usernames[author]} #graph`;
    return { id: nextId(), authorId: idOf(author), text, hashtags: namesIn(text).hashtags };
  });
  await insertAll(database, timelines.posts, drafts, (draft) => ({
    ...draft,
    visibility: 'public' as const,
    mediaIds: [],
    textVersion: TEXT_VERSION,
    searchTokens: searchTokens(draft.text, 'index').join(' '),
  }));
  const tags = drafts.flatMap(({ id, hashtags }) => hashtags.map((tag) => ({ tag, postId: id })));
  await insertAll(database, timelines.postHashtags, tags, (tag) => tag);
}

async function insertAll<Table extends MySqlTable, Item>(
  database: Database,
  table: Table,
  items: readonly Item[],
  rowOf: (item: Item, index: number) => Table['$inferInsert'],
): Promise<void> {
  for (let start = 0; start < items.length; start += ROWS_PER_INSERT) {
    const rows = items.slice(start, start + ROWS_PER_INSERT).map((item, index) => rowOf(item, start + index));
    await database.insert(table).values(rows);
  }
}
