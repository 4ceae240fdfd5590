import { eq } from 'drizzle-orm';
import type { Database } from '#kit/mysql/database';
import { browserSessions, credentials, sessions } from '../schema';
import type { SessionRow } from '../sessions/store';

export async function insertBrowserSession(
  database: Database,
  row: typeof browserSessions.$inferInsert,
): Promise<void> {
  await database.insert(browserSessions).values(row);
}

/** The session of a browser, whether it has ended or not, and its owner's name. */
export async function findBrowserSession(
  database: Database,
  hash: string,
): Promise<{ session: SessionRow; username: string | null; active: boolean } | undefined> {
  const [found] = await database
    .select({ session: sessions, username: credentials.username, active: credentials.active })
    .from(browserSessions)
    .innerJoin(sessions, eq(sessions.id, browserSessions.sessionId))
    .innerJoin(credentials, eq(credentials.userId, sessions.userId))
    .where(eq(browserSessions.hash, hash));
  return found;
}

export async function deleteBrowserSession(database: Database, hash: string): Promise<void> {
  await database.delete(browserSessions).where(eq(browserSessions.hash, hash));
}
