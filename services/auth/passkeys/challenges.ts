import { and, eq, gt, isNull, lt } from 'drizzle-orm';
import type { Database, Transaction } from '#kit/mysql/database';
import type { AuthDeps } from '../deps';
import { passkeyChallenges } from '../schema';
import { hashOf, newSecret } from '../secrets';

/** A challenge is answered within this time: that of a browser's dialogue. */
export const CHALLENGE_MS = 5 * 60_000;

/** What a challenge is for, and whom; null for a sign-in of somebody not yet known. */
export type Occasion =
  | { readonly purpose: 'register' | 'second-factor'; readonly userId: string }
  | { readonly purpose: 'sign-in'; readonly userId: null };

/** @returns a challenge in base64url, to be answered once */
export async function createChallenge(
  { database, now }: Pick<AuthDeps, 'database' | 'now'>,
  { purpose, userId }: Occasion,
): Promise<string> {
  const challenge = newSecret();
  const expiresAt = new Date(now() + CHALLENGE_MS);
  await database.insert(passkeyChallenges).values({ hash: hashOf(challenge), userId, purpose, expiresAt });
  return challenge;
}

/** Uses a challenge. Two at the same time cannot both. @returns whether it was made for this, and is unused */
export async function takeChallenge(
  { database, now }: Pick<AuthDeps, 'database' | 'now'>,
  challenge: string,
  { purpose, userId }: Occasion,
): Promise<boolean> {
  const [result] = await database
    .delete(passkeyChallenges)
    .where(
      and(
        eq(passkeyChallenges.hash, hashOf(challenge)),
        eq(passkeyChallenges.purpose, purpose),
        userId === null ? isNull(passkeyChallenges.userId) : eq(passkeyChallenges.userId, userId),
        gt(passkeyChallenges.expiresAt, new Date(now())),
      ),
    );
  return result.affectedRows > 0;
}

export async function eraseChallenges(transaction: Transaction, userId: string): Promise<void> {
  await transaction.delete(passkeyChallenges).where(eq(passkeyChallenges.userId, userId));
}

/** Deletes up to `limit` challenges that have expired. @returns the number deleted */
export async function deleteExpiredChallenges(database: Database, now: Date, limit: number): Promise<number> {
  const [result] = await database
    .delete(passkeyChallenges)
    .where(lt(passkeyChallenges.expiresAt, now))
    .limit(limit);
  return result.affectedRows;
}
