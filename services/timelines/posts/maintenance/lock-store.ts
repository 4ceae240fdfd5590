import { sql } from 'drizzle-orm';
import type { Database } from '#kit/mysql/database';

/** @returns undefined, without running the work, when another connection holds the lock of that name */
export async function withLock<Result>(
  database: Database,
  name: string,
  work: () => Promise<Result>,
): Promise<Result | undefined> {
  // `get_lock` belongs to a connection, which only a transaction holds on to.
  return database.transaction(async (transaction) => {
    const [acquired] = await transaction
      .select({ lock: sql`get_lock(${name}, 0)`.mapWith(Number) })
      .from(sql`dual`);
    if (acquired?.lock !== 1) return undefined;
    try {
      return await work();
    } finally {
      await transaction.execute(sql`do release_lock(${name})`);
    }
  });
}
