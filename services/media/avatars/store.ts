import { eq } from 'drizzle-orm';
import type { Executor, Transaction } from '#kit/mysql/database';
import { mediaAvatars } from '../schema';

export async function upsertAvatar(
  transaction: Transaction,
  ownerId: string,
  mediaId: string,
): Promise<void> {
  await transaction
    .insert(mediaAvatars)
    .values({ ownerId, mediaId })
    .onDuplicateKeyUpdate({ set: { mediaId } });
}

export async function findAvatar(executor: Executor, ownerId: string): Promise<string | undefined> {
  const [avatar] = await executor.select().from(mediaAvatars).where(eq(mediaAvatars.ownerId, ownerId));
  return avatar?.mediaId;
}

/** The id of the file that is, or becomes, the owner's avatar. Locks it. */
export async function lockAvatar(transaction: Transaction, ownerId: string): Promise<string | undefined> {
  const [avatar] = await transaction
    .select()
    .from(mediaAvatars)
    .where(eq(mediaAvatars.ownerId, ownerId))
    .for('update');
  return avatar?.mediaId;
}

export async function deleteAvatar(transaction: Transaction, ownerId: string): Promise<void> {
  await transaction.delete(mediaAvatars).where(eq(mediaAvatars.ownerId, ownerId));
}
