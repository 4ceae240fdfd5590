import { type Static, Type } from '@sinclair/typebox';
import { inTransaction } from '#kit/mysql/database';
import type { UsersDeps } from '../deps';
import { changeUser, lockUser, profileColumns } from './lifecycle';
import { ProfileChange } from './model';
import { findById } from './store';
import { ownProfileView } from './views';

/** As it is exported. What was never set is null, and stays as it is. */
export const ProfileRecord = Type.Object(
  Object.fromEntries(
    Object.entries(ProfileChange.properties).map(([name, schema]) => [
      name,
      Type.Optional(Type.Union([schema, Type.Null()])),
    ]),
  ),
);

/**
 * Restores a profile: what its owner may change, not their username, address or id.
 *
 * @returns `exists` when nothing differs
 */
export async function importProfile(
  deps: Pick<UsersDeps, 'database' | 'outbox'>,
  userId: string,
  record: Static<typeof ProfileRecord>,
): Promise<'imported' | 'exists'> {
  const current = await findById(deps.database, userId);
  const own = current === undefined ? {} : (ownProfileView(current) as Record<string, unknown>);
  const change = Object.fromEntries(
    Object.entries(record).filter(
      ([name, value]) => name in ProfileChange.properties && value !== null && value !== own[name],
    ),
  ) as ProfileChange;
  if (Object.keys(change).length === 0) return 'exists';
  await inTransaction(deps.database, async (transaction) => {
    await lockUser(transaction, userId);
    await changeUser(transaction, userId, profileColumns(change), userId);
  });
  deps.outbox.wake();
  return 'imported';
}
