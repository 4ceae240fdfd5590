import type { Transaction } from '#kit/mysql/database';
import { RoomExists } from './model';
import { findRoom, lockRoomName } from './store';

export const nameTaken = () => new RoomExists({ detail: 'Choose another name.' });

/**
 * Asserts that a user is in no private room of a name: they could not tell two apart. Until the transaction ends, nobody
 * joins one.
 *
 * @throws RoomExists
 */
export async function assertNoOwn(transaction: Transaction, userId: string, name: string): Promise<void> {
  await lockRoomName(transaction, name);
  if ((await findRoom(transaction, name, userId))?.isPrivate) throw nameTaken();
}
