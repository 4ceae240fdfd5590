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

/** Keeps a copy of a person unless a newer one is here already. */
export async function keepPerson(database: Database, person: PersonRow): Promise<void> {
  const newer = sql`values(${people.version}) > ${people.version}`;
  const unlessOlder = (
    column:
      | typeof people.username
      | typeof people.displayName
      | typeof people.avatarUrl
      | typeof people.deleted,
  ) => sql`if(${newer}, values(${column}), ${column})`;
  await database
    .insert(people)
    .values(person)
    .onDuplicateKeyUpdate({
      set: {
        username: unlessOlder(people.username),
        displayName: unlessOlder(people.displayName),
        avatarUrl: unlessOlder(people.avatarUrl),
        deleted: unlessOlder(people.deleted),
        version: sql`greatest(values(${people.version}), ${people.version})`,
      },
    });
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
    .onDuplicateKeyUpdate({
      set: {
        active: sql`if(values(${table.version}) > ${table.version}, values(${table.active}), ${table.active})`,
        version: sql`greatest(values(${table.version}), ${table.version})`,
      },
    });
}

/** Those somebody does not hear of: there is a block between them, or they are muted. */
export async function unheardAmong(
  executor: Executor,
  userId: string,
  actorIds: readonly string[],
): Promise<Set<string>> {
  if (actorIds.length === 0) return new Set();
  const among = [...actorIds];
  const blocked = await executor
    .select({ userId: blocks.userId, otherId: blocks.otherId })
    .from(blocks)
    .where(
      and(
        eq(blocks.active, true),
        or(
          and(eq(blocks.userId, userId), inArray(blocks.otherId, among)),
          and(eq(blocks.otherId, userId), inArray(blocks.userId, among)),
        ),
      ),
    );
  const muted = await executor
    .select({ otherId: mutes.otherId })
    .from(mutes)
    .where(and(eq(mutes.active, true), eq(mutes.userId, userId), inArray(mutes.otherId, among)));
  return new Set([
    ...blocked.map((row) => (row.userId === userId ? row.otherId : row.userId)),
    ...muted.map((row) => row.otherId),
  ]);
}

/** Takes an erased person out of every relation. */
export async function deleteRelations(transaction: Transaction, id: string): Promise<void> {
  for (const table of [blocks, mutes])
    await transaction.delete(table).where(or(eq(table.userId, id), eq(table.otherId, id)));
}
