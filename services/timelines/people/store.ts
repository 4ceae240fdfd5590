import { and, eq, inArray, sql } from 'drizzle-orm';
import { type Database, prepareOnce, type Transaction } from '#kit/mysql/database';
import { people } from '../schema';

export type PersonRow = typeof people.$inferSelect;

const prepared = prepareOnce((database) => ({
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

/** The people with these ids, erased ones included. */
export async function readPeople(database: Database, ids: readonly string[]): Promise<PersonRow[]> {
  return database
    .select()
    .from(people)
    .where(inArray(people.id, [...ids]));
}

/** Whether a person has been erased. Until the transaction ends, they are not. */
export async function isErased(transaction: Transaction, id: string): Promise<boolean> {
  const [person] = await transaction
    .select({ deleted: people.deleted })
    .from(people)
    .where(eq(people.id, id))
    .for('update');
  return person?.deleted ?? false;
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

/** Inserts or updates the replica of a person, unless the stored version is newer. */
export async function upsertPerson(
  database: Database,
  person: Pick<PersonRow, 'id' | 'username' | 'displayName' | 'avatarUrl' | 'version' | 'deleted'>,
): Promise<void> {
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

/** The erased ones among people. Until the transaction ends, no other of them is erased. */
export async function listErased(transaction: Transaction, ids: readonly string[]): Promise<Set<string>> {
  const rows = await transaction
    .select({ id: people.id, deleted: people.deleted })
    .from(people)
    .where(inArray(people.id, [...ids]))
    // Always in the same order, so that two transactions do not wait for each other.
    .orderBy(people.id)
    .for('update');
  return new Set(rows.filter(({ deleted }) => deleted).map(({ id }) => id));
}
