import { and, desc, eq, gt, inArray, isNull, like, lt, or, sql } from 'drizzle-orm';
import { isUuid } from '#kit/core/ids';
import { type Database, prepareOnce, type Transaction } from '#kit/mysql/database';
import { emailKey } from '#kit/text/email';
import { usernameKey } from '#kit/text/identity';
import { userRoles, users } from '../schema';

export type UserRow = typeof users.$inferSelect;

const prepared = prepareOnce((database) => ({
  byUsername: database
    .select()
    .from(users)
    .where(eq(users.username, sql.placeholder('username')))
    .prepare(),
  byId: database
    .select()
    .from(users)
    .where(eq(users.id, sql.param(sql.placeholder('id'), users.id)))
    .prepare(),
}));

export async function findByUsername(database: Database, username: string): Promise<UserRow | undefined> {
  const [user] = await prepared(database).byUsername.execute({ username });
  return user;
}

export async function findById(database: Database, id: string): Promise<UserRow | undefined> {
  if (!isUuid(id)) return undefined;
  const [user] = await prepared(database).byId.execute({ id });
  return user;
}

export async function findByIds(database: Database, ids: readonly string[]): Promise<UserRow[]> {
  const valid = ids.filter(isUuid);
  return valid.length === 0 ? [] : database.select().from(users).where(inArray(users.id, valid));
}

/** Users whose address has no key yet, in the order of their ids. */
export const listWithoutEmailKey = (
  database: Database,
  page: { afterId: string | null; limit: number },
): Promise<Pick<UserRow, 'id' | 'email'>[]> =>
  database
    .select({ id: users.id, email: users.email })
    .from(users)
    .where(and(isNull(users.emailKey), page.afterId === null ? undefined : gt(users.id, page.afterId)))
    .orderBy(users.id)
    .limit(page.limit);

/** Stores the key of an address unless the address has changed since. No new version: no other service sees the key. */
export async function setEmailKey(
  database: Database,
  id: string,
  { email, emailKey }: { email: string; emailKey: string },
): Promise<void> {
  await database
    .update(users)
    .set({ emailKey })
    .where(and(eq(users.id, id), eq(sql`binary ${users.email}`, email), isNull(users.emailKey)));
}

/** Locks rows in the order of their ids, so that transactions that lock the same rows cannot deadlock. */
export async function lockUsers(
  transaction: Transaction,
  ids: readonly string[],
): Promise<Map<string, UserRow>> {
  const rows = await transaction
    .select()
    .from(users)
    .where(inArray(users.id, [...ids].sort()))
    .orderBy(users.id)
    .for('update');
  return new Map(rows.map((row) => [row.id, row]));
}

export async function insertUser(transaction: Transaction, user: typeof users.$inferInsert): Promise<void> {
  await transaction.insert(users).values(user);
}

/** Changes a user and increments the version. */
export async function updateUser(
  transaction: Transaction,
  id: string,
  change: Partial<typeof users.$inferInsert>,
): Promise<void> {
  await transaction
    .update(users)
    .set({ ...change, version: sql`${users.version} + 1` })
    .where(eq(users.id, id));
}

/** Increments the versions of users without changing anything else. */
export async function incrementVersions(transaction: Transaction, ids: readonly string[]): Promise<void> {
  await transaction
    .update(users)
    .set({ version: sql`${users.version} + 1` })
    .where(inArray(users.id, [...ids]));
}

export async function deleteUser(transaction: Transaction, id: string): Promise<void> {
  await transaction.delete(userRoles).where(eq(userRoles.userId, id));
  await transaction.delete(users).where(eq(users.id, id));
}

/** Adds to users' post counts, which never fall below zero. */
export async function addToPostsCounts(
  transaction: Transaction,
  changes: ReadonlyMap<string, number>,
): Promise<void> {
  const ids = [...changes].filter(([, by]) => by !== 0).map(([id]) => id);
  if (ids.length === 0) return;
  const cases = ids.map((id) => sql`when ${sql.param(id, users.id)} then ${changes.get(id)}`);
  const change = sql`case ${users.id} ${sql.join(cases, sql` `)} end`;
  await transaction
    .update(users)
    .set({ postsCount: sql`greatest(0, cast(${users.postsCount} as signed) + ${change})` })
    .where(inArray(users.id, ids));
}

/** Users, newest first; optionally only those whose username, display name or email address starts with `query`. */
export async function listUsers(
  database: Database,
  page: { query: string | undefined; beforeId: string | null; limit: number },
): Promise<UserRow[]> {
  return database
    .select()
    .from(users)
    .where(
      and(
        page.query === undefined
          ? undefined
          : or(
              like(users.username, prefixPattern(usernameKey(page.query))),
              like(users.email, prefixPattern(page.query)),
              like(users.displayName, prefixPattern(page.query)),
              // A whole address, in any of its forms.
              eq(users.emailKey, emailKey(page.query)),
            ),
        page.beforeId === null ? undefined : lt(users.id, page.beforeId),
      ),
    )
    .orderBy(desc(users.id))
    .limit(page.limit);
}

const prefixPattern = (prefix: string): string => `${prefix.replace(/[\\%_]/g, '\\$&')}%`;
