import { and, eq, inArray, or, sql } from 'drizzle-orm';
import type { Database, Executor, Transaction } from '#kit/mysql';
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

/** Whether somebody hears of another: no block between them, and not muted. */
export async function hears(executor: Executor, userId: string, actorId: string): Promise<boolean> {
  const blocked = await executor
    .select({ active: blocks.active })
    .from(blocks)
    .where(
      and(
        eq(blocks.active, true),
        or(
          and(eq(blocks.userId, userId), eq(blocks.otherId, actorId)),
          and(eq(blocks.userId, actorId), eq(blocks.otherId, userId)),
        ),
      ),
    );
  const muted = await executor
    .select({ active: mutes.active })
    .from(mutes)
    .where(and(eq(mutes.active, true), eq(mutes.userId, userId), eq(mutes.otherId, actorId)));
  return blocked.length === 0 && muted.length === 0;
}

/** Takes an erased person out of every relation. */
export async function deleteRelations(transaction: Transaction, id: string): Promise<void> {
  for (const table of [blocks, mutes])
    await transaction.delete(table).where(or(eq(table.userId, id), eq(table.otherId, id)));
}
