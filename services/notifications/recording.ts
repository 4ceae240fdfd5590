import { inTransaction, type Transaction } from '#kit/mysql/database';
import type { Notice } from './model';
import { findPeople, unheardAmong } from './people-store';
import { goesWithOthersByMail, MOST_SHOWN } from './rules';
import type { NotificationsDeps } from './service';
import * as store from './store';

/**
 * Records what people are told of, all of a person's in one transaction: whoever is liked by thousands has one row that
 * all of them wait for.
 *
 * @returns whose notifications have changed, for each notice that did
 */
export async function record(deps: NotificationsDeps, notices: readonly Notice[]): Promise<string[]> {
  const changed: string[] = [];
  for (const [userId, theirs] of Map.groupBy(notices, (notice) => notice.user_id)) {
    const recorded = await inTransaction(deps.database, (transaction) =>
      recordFor(deps, transaction, userId, theirs),
    );
    changed.push(...Array<string>(recorded).fill(userId));
  }
  return changed;
}

/** @returns how many were new and wanted */
async function recordFor(
  deps: NotificationsDeps,
  transaction: Transaction,
  userId: string,
  notices: readonly Notice[],
): Promise<number> {
  // First: whoever blocks somebody waits for this lock, and then removes what was recorded before.
  let position = await store.lockRecipient(transaction, userId);
  const settings = await store.readSettings(transaction, userId);
  const heard = await heardOf(transaction, userId, notices);
  let recorded = 0;
  let byMail = false;
  for (const same of Map.groupBy(heard, keyOf).values()) {
    const [{ type } = { type: undefined }] = same;
    if (type === undefined || settings[type] === 'off') continue;
    const mailPending = goesWithOthersByMail(type, settings[type]);
    const added = await recordSame(deps, transaction, same, { position, mailPending });
    position += added;
    recorded += added;
    byMail ||= added > 0 && mailPending;
  }
  if (recorded > 0)
    await store.moveRecipient(transaction, userId, position, byMail ? deps.digestSeconds : null);
  return recorded;
}

/** Without what people did themselves, and those they do not hear; without all when they have been erased. */
async function heardOf(
  transaction: Transaction,
  userId: string,
  notices: readonly Notice[],
): Promise<Notice[]> {
  const actorIds = [...new Set(notices.flatMap((notice) => notice.actor_id ?? []))];
  const people = await findPeople(transaction, [userId, ...actorIds]);
  if (people.get(userId)?.deleted) return [];
  const unheard = await unheardAmong(transaction, userId, actorIds);
  return notices.filter(({ actor_id: actorId }) => {
    if (actorId === undefined) return true;
    return actorId !== userId && !unheard.has(actorId) && people.get(actorId)?.deleted !== true;
  });
}

/** Notices that are one notification: of one person, type, object and reason. @returns how many were new */
async function recordSame(
  deps: NotificationsDeps,
  transaction: Transaction,
  same: readonly Notice[],
  { position, mailPending }: { position: number; mailPending: boolean },
): Promise<number> {
  const [first] = same;
  if (first === undefined) return 0;
  const { user_id: userId, type, object_id: objectId, reason = '' } = first;
  const key = { userId, type, objectId, reason };
  const existing = await store.findByKey(transaction, key);
  const byActor = new Map(same.map((notice) => [notice.actor_id, notice]));
  // Nobody did it: it is told of once.
  if (byActor.has(undefined)) {
    if (existing !== undefined) return 0;
    const told = { ...key, position: position + 1, subjectId: first.subject_id ?? null, mailPending };
    await store.insertNotification(transaction, {
      id: deps.nextId(),
      ...told,
      actorsCount: 0,
      latestActors: [],
    });
    return 1;
  }
  const actors = [...byActor.keys()].filter((id) => id !== undefined);
  const known = existing ? await store.actorsAmong(transaction, existing.id, actors) : new Set();
  const added = actors.filter((id) => !known.has(id));
  const newest = added.at(-1);
  if (newest === undefined) return 0;
  const id = existing?.id ?? deps.nextId();
  const change = {
    actorsCount: (existing?.actorsCount ?? 0) + added.length,
    latestActors: [...added.toReversed(), ...(existing?.latestActors ?? [])].slice(0, MOST_SHOWN),
    position: position + added.length,
    subjectId: byActor.get(newest)?.subject_id ?? null,
    mailPending,
  };
  if (existing === undefined) await store.insertNotification(transaction, { id, ...key, ...change });
  else await store.changeNotification(transaction, id, change);
  await store.insertActors(transaction, id, added, position + 1);
  return added.length;
}

const keyOf = ({ type, object_id, reason = '' }: Notice) => `${type} ${object_id} ${reason}`;
