import { and, desc, eq, gt, isNotNull, isNull, sql } from 'drizzle-orm';
import { type Database, prepareOnce, type Transaction } from '#kit/mysql/database';
import { credentials } from '../schema';

export type CredentialsRow = typeof credentials.$inferSelect;

const prepared = prepareOnce((database) => ({
  byUsername: database
    .select()
    .from(credentials)
    .where(eq(credentials.username, sql.placeholder('name')))
    // A name may briefly occur twice: at its previous owner and at the current one, whose id is newer.
    .orderBy(desc(credentials.userId))
    .limit(1)
    .prepare(),
  byEmail: database
    .select()
    .from(credentials)
    .where(eq(credentials.emailKey, sql.placeholder('name')))
    .orderBy(desc(credentials.userId))
    .limit(1)
    .prepare(),
  byUserId: database
    .select()
    .from(credentials)
    .where(eq(credentials.userId, sql.param(sql.placeholder('userId'), credentials.userId)))
    .prepare(),
}));

/** What a user signs in with. */
export interface Name {
  readonly kind: 'username' | 'email';
  /** The canonical key. */
  readonly key: string;
}

export async function findByName(database: Database, name: Name): Promise<CredentialsRow | undefined> {
  const { byUsername, byEmail } = prepared(database);
  const [row] = await (name.kind === 'username' ? byUsername : byEmail).execute({ name: name.key });
  return row;
}

export async function findByUserId(database: Database, userId: string): Promise<CredentialsRow | undefined> {
  const [row] = await prepared(database).byUserId.execute({ userId });
  return row;
}

/** Users whose address has no key yet, in the order of their ids. */
export const listWithoutEmailKey = (
  database: Database,
  page: { afterId: string | null; limit: number },
): Promise<Pick<CredentialsRow, 'userId' | 'email'>[]> =>
  database
    .select({ userId: credentials.userId, email: credentials.email })
    .from(credentials)
    .where(
      and(
        isNull(credentials.emailKey),
        isNotNull(credentials.email),
        page.afterId === null ? undefined : gt(credentials.userId, page.afterId),
      ),
    )
    .orderBy(credentials.userId)
    .limit(page.limit);

/** Whether somebody has a password: not who signs in with another provider only. */
export const hasPassword = async (
  { database }: { readonly database: Database },
  userId: string,
): Promise<boolean> => (await findByUserId(database, userId))?.passwordHash != null;

/** Stores the key of an address unless the address has changed since. */
export async function setEmailKey(
  database: Database,
  userId: string,
  { email, emailKey }: { email: string; emailKey: string },
): Promise<void> {
  await database
    .update(credentials)
    .set({ emailKey })
    .where(
      and(
        eq(credentials.userId, userId),
        eq(sql`binary ${credentials.email}`, email),
        isNull(credentials.emailKey),
      ),
    );
}

/** Locks a user's row. If there is none yet, an empty one of version 0 is created. */
export async function lockOrCreate(transaction: Transaction, userId: string): Promise<CredentialsRow> {
  // Not `insert ignore`: two transactions would take its shared lock and then deadlock on upgrading it.
  await transaction
    .insert(credentials)
    .values({ userId, version: 0 })
    .onDuplicateKeyUpdate({ set: { version: sql`${credentials.version}` } });
  const [row] = await transaction
    .select()
    .from(credentials)
    .where(eq(credentials.userId, userId))
    .for('update');
  if (row === undefined) throw new Error('The inserted credentials row does not exist');
  return row;
}

/** Locks a user's row and reads its latest committed state. */
export async function lockByUserId(
  transaction: Transaction,
  userId: string,
): Promise<CredentialsRow | undefined> {
  const [row] = await transaction
    .select()
    .from(credentials)
    .where(eq(credentials.userId, userId))
    .for('update');
  return row;
}

export async function update(
  executor: Pick<Database, 'update'>,
  userId: string,
  change: Partial<typeof credentials.$inferInsert>,
): Promise<void> {
  await executor.update(credentials).set(change).where(eq(credentials.userId, userId));
}

/** Replaces the hash if it is still the expected one. @returns whether it was replaced */
export async function replaceHash(
  executor: Pick<Database, 'update'>,
  userId: string,
  hashes: { from: string; to: string },
): Promise<boolean> {
  const [result] = await executor
    .update(credentials)
    .set({ passwordHash: hashes.to })
    .where(
      and(
        eq(credentials.userId, userId),
        eq(credentials.passwordHash, hashes.from),
        isNull(credentials.erasedAt),
      ),
    );
  return result.affectedRows > 0;
}
