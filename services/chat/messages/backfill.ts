import { and, eq } from 'drizzle-orm';
import type { Database } from '#kit/mysql/database';
import { isDuplicate } from '#kit/mysql/failures';
import { identityKey } from '#kit/text/identity';
import { messages } from '../schema';

/** Marks the messages whose key the migration could not derive in SQL. */
const PENDING_SCOPE = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
const BATCH_SIZE = 500;

/**
 * Derives the canonical keys of client ids that were stored before there were any. Resumable, and several instances may run
 * it at once. Where two ids of one sender have the same key, the first one counts and the other is not recognized again.
 */
export async function backfillClientKeys(database: Database): Promise<void> {
  for (;;) {
    const rows = await database
      .select({ id: messages.id, senderId: messages.senderId, clientId: messages.clientId })
      .from(messages)
      .where(eq(messages.clientScope, PENDING_SCOPE))
      .limit(BATCH_SIZE);
    if (rows.length === 0) return;
    for (const row of rows) {
      const pending = and(eq(messages.id, row.id), eq(messages.clientScope, PENDING_SCOPE));
      try {
        const clientKey = identityKey(row.clientId ?? '', 'distinguish');
        await database.update(messages).set({ clientScope: row.senderId, clientKey }).where(pending);
      } catch (failure) {
        if (!isDuplicate(failure)) throw failure;
        await database.update(messages).set({ clientScope: null }).where(pending);
      }
    }
  }
}
