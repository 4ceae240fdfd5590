import { and, eq, inArray, or, sql } from 'drizzle-orm';
import type { Database, Executor, Transaction } from '#kit/mysql/database';
import { blocks, mutes, people } from './schema';

export type PersonRow = typeof people.$inferSelect;

export async function findPeople(
  executor: Executor,
  ids: readonly string[],
): Promise<Map<string, PersonRow>> {
  if (ids.length === 0) return new Map();
  const rows = await executor
    .select()
    .from(people)
    .where(inArray(people.id, [...ids]));
  return new Map(rows.map((row) => [row.id, row]));
}

/** Inserts or updates the replica of a person, unless the stored version is newer. */
export async function upsertPerson(database: Database, person: PersonRow): Promise<void> {
  const isNewer = sql`values(${people.version}) > ${people.version}`;
  const ifNewer = (
    column:
      | typeof people.username
      | typeof people.displayName
      | typeof people.avatarUrl
      | typeof people.deleted,
  ) => sql`if(${isNewer}, values(${column}), ${column})`;
  await database
    .insert(people)
    .values(person)
    .onDuplicateKeyUpdate({
      set: {
        username: ifNewer(people.username),
        displayName: ifNewer(people.displayName),
        avatarUrl: ifNewer(people.avatarUrl),
        deleted: ifNewer(people.deleted),
        version: sql`greatest(values(${people.version}), ${people.version})`,
      },
    });
}

/** Stores a block or a mute, or its end, unless the stored version is newer. */
export async function upsertRestriction(
  database: Database,
  table: typeof blocks | typeof mutes,
  restriction: typeof blocks.$inferInsert,
): Promise<void> {
  await database
    .insert(table)
    .values(restriction)
    .onDuplicateKeyUpdate({
      set: {
        active: sql`if(values(${table.version}) > ${table.version}, values(${table.active}), ${table.active})`,
        version: sql`greatest(values(${table.version}), ${table.version})`,
      },
    });
}

/** The actors a recipient gets no notifications about: muted, or with a block between the two in either direction. */
export async function findSuppressed(
  executor: Executor,
  userId: string,
  actorIds: readonly string[],
): Promise<Set<string>> {
  if (actorIds.length === 0) return new Set();
  const ids = [...actorIds];
  const blocked = await executor
    .select({ userId: blocks.userId, otherId: blocks.otherId })
    .from(blocks)
    .where(
      and(
        eq(blocks.active, true),
        or(
          and(eq(blocks.userId, userId), inArray(blocks.otherId, ids)),
          and(eq(blocks.otherId, userId), inArray(blocks.userId, ids)),
        ),
      ),
    );
  const muted = await executor
    .select({ otherId: mutes.otherId })
    .from(mutes)
    .where(and(eq(mutes.active, true), eq(mutes.userId, userId), inArray(mutes.otherId, ids)));
  return new Set([
    ...blocked.map((row) => (row.userId === userId ? row.otherId : row.userId)),
    ...muted.map((row) => row.otherId),
  ]);
}

/** Deletes the relations of an erased person. */
export async function deleteRelations(transaction: Transaction, id: string): Promise<void> {
  for (const table of [blocks, mutes])
    await transaction.delete(table).where(or(eq(table.userId, id), eq(table.otherId, id)));
}
