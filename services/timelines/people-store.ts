import { and, count, eq, inArray, or, sql } from 'drizzle-orm';
import { type Database, type Executor, preparedOnce, type Transaction } from '#kit/mysql/database';
import { blocks, bookmarks, follows, mutes, people } from './schema';

export type PersonRow = typeof people.$inferSelect;

const prepared = preparedOnce((database) => ({
  byId: database
    .select()
    .from(people)
    .where(eq(people.id, sql.param(sql.placeholder('id'), people.id)))
    .prepare(),
}));

export async function findPerson(database: Database, id: string): Promise<PersonRow | undefined> {
  const [person] = await prepared(database).byId.execute({ id });
  return person;
}

export async function findPeopleByUsername(
  database: Database,
  usernames: readonly string[],
): Promise<PersonRow[]> {
  if (usernames.length === 0) return [];
  return database
    .select()
    .from(people)
    .where(and(inArray(people.username, [...usernames]), eq(people.deleted, false)));
}

/** Keeps a copy of a person unless a newer one is here already. */
export async function keepPerson(
  database: Database,
  person: Pick<PersonRow, 'id' | 'username' | 'displayName' | 'avatarUrl' | 'version' | 'deleted'>,
): Promise<void> {
  const newer = sql`values(${people.version}) > ${people.version}`;
  const unlessOlder = (
    column: typeof people.username | typeof people.displayName | typeof people.avatarUrl,
  ) => sql`if(${newer}, values(${column}), ${column})`;
  await database
    .insert(people)
    .values(person)
    .onDuplicateKeyUpdate({
      set: {
        username: unlessOlder(people.username),
        displayName: unlessOlder(people.displayName),
        avatarUrl: unlessOlder(people.avatarUrl),
        deleted: sql`if(${newer}, values(${people.deleted}), ${people.deleted})`,
        version: sql`greatest(values(${people.version}), ${people.version})`,
      },
    });
}

/** Whether somebody has at least so many followers; counts no further. */
export async function hasFollowers(database: Database, id: string, atLeast: number): Promise<boolean> {
  const some = database
    .select({ followerId: follows.followerId })
    .from(follows)
    .where(and(eq(follows.followeeId, id), eq(follows.active, true)))
    .limit(atLeast)
    .as('some');
  const [counted] = await database.select({ followers: count() }).from(some);
  return (counted?.followers ?? 0) >= atLeast;
}

export async function setMergedAtRead(database: Database, id: string): Promise<void> {
  await database.update(people).set({ mergedAtRead: true }).where(eq(people.id, id));
}

export async function listMergedAtRead(database: Database): Promise<string[]> {
  const rows = await database.select({ id: people.id }).from(people).where(eq(people.mergedAtRead, true));
  return rows.map((row) => row.id);
}

/** The next followers of somebody, in the order of their ids. */
export async function listFollowers(
  database: Database,
  followeeId: string,
  page: { after: string | null; limit: number },
): Promise<string[]> {
  const rows = await database
    .select({ id: follows.followerId })
    .from(follows)
    .where(
      and(
        eq(follows.followeeId, followeeId),
        eq(follows.active, true),
        page.after === null
          ? undefined
          : sql`${follows.followerId} > ${sql.param(page.after, follows.followerId)}`,
      ),
    )
    .orderBy(follows.followerId)
    .limit(page.limit);
  return rows.map((row) => row.id);
}

export async function findFollow(
  database: Database,
  followerId: string,
  followeeId: string,
): Promise<{ active: boolean; version: number }> {
  const [follow] = await database
    .select({ active: follows.active, version: follows.version })
    .from(follows)
    .where(and(eq(follows.followerId, followerId), eq(follows.followeeId, followeeId)));
  return follow ?? { active: false, version: 0 };
}

/** Notes a follow or its end unless something newer is known. */
export async function keepFollow(database: Database, follow: typeof follows.$inferInsert): Promise<void> {
  await database
    .insert(follows)
    .values(follow)
    .onDuplicateKeyUpdate({ set: unlessNewer(follows) });
}

/** Notes a block or a mute, or its end, unless something newer is known. */
export async function keepDecision(
  database: Database,
  table: typeof blocks | typeof mutes,
  decision: typeof blocks.$inferInsert,
): Promise<void> {
  await database
    .insert(table)
    .values(decision)
    .onDuplicateKeyUpdate({ set: unlessNewer(table) });
}

const unlessNewer = (table: typeof follows | typeof blocks | typeof mutes) => ({
  active: sql`if(values(${table.version}) > ${table.version}, values(${table.active}), ${table.active})`,
  version: sql`greatest(values(${table.version}), ${table.version})`,
});

/** Of these people, the ones with a block between them and somebody, in either direction. */
export async function findBlocked(
  executor: Executor,
  personId: string,
  otherIds: readonly string[],
): Promise<Set<string>> {
  if (otherIds.length === 0) return new Set();
  const rows = await executor
    .select({ userId: blocks.userId, otherId: blocks.otherId })
    .from(blocks)
    .where(
      and(
        eq(blocks.active, true),
        or(
          and(eq(blocks.userId, personId), inArray(blocks.otherId, [...otherIds])),
          and(inArray(blocks.userId, [...otherIds]), eq(blocks.otherId, personId)),
        ),
      ),
    );
  return new Set(rows.map((row) => (row.userId === personId ? row.otherId : row.userId)));
}

/** Takes an erased person out of every relation, and forgets what they kept for themselves. */
export async function deleteRelations(transaction: Transaction, id: string): Promise<void> {
  await transaction.delete(follows).where(or(eq(follows.followerId, id), eq(follows.followeeId, id)));
  for (const table of [blocks, mutes])
    await transaction.delete(table).where(or(eq(table.userId, id), eq(table.otherId, id)));
  await transaction.delete(bookmarks).where(eq(bookmarks.userId, id));
}
