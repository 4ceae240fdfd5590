import { inTransaction, type Transaction } from '#kit/mysql/database';
import type { NotificationsDeps } from './deps';
import type { Notice } from './model';
import { findPeople, findSuppressed } from './people-store';
import {
  ENDING_OBJECTS,
  type EndingObject,
  endingObjectOf,
  isMailedInDigest,
  MAX_NAMED_ACTORS,
} from './rules';
import * as store from './store';

/**
 * Records notices as notifications. Idempotent. Notices of one recipient share a transaction, because each locks the
 * recipient's row: otherwise thousands of likes would wait for it one by one.
 *
 * @returns the recipient of each notice that changed a notification
 */
export async function recordNotices(deps: NotificationsDeps, notices: readonly Notice[]): Promise<string[]> {
  const changed: string[] = [];
  for (const [userId, group] of Map.groupBy(notices, (notice) => notice.user_id)) {
    const recorded = await inTransaction(deps.database, (transaction) =>
      recordForRecipient(deps, transaction, userId, group),
    );
    changed.push(...Array<string>(recorded).fill(userId));
  }
  return changed;
}

/** @returns how many notices were new and not suppressed */
async function recordForRecipient(
  deps: NotificationsDeps,
  transaction: Transaction,
  userId: string,
  notices: readonly Notice[],
): Promise<number> {
  // First, so that a concurrent block waits for this lock and then deletes what was recorded before it.
  let position = await store.lockRecipient(transaction, userId);
  const settings = await store.readSettings(transaction, userId);
  const current = await withoutEnded(transaction, notices);
  const wanted = await withoutSuppressed(transaction, userId, current);
  let recorded = 0;
  let isMailDue = false;
  for (const group of Map.groupBy(wanted, groupKeyOf).values()) {
    const [{ type } = { type: undefined }] = group;
    if (type === undefined || settings[type] === 'off') continue;
    const mailPending = isMailedInDigest(type, settings[type]);
    const added = await recordGroup(deps, transaction, group, { position, mailPending });
    position += added;
    recorded += added;
    isMailDue ||= added > 0 && mailPending;
  }
  const mailInSeconds = isMailDue ? deps.digestSeconds : null;
  if (recorded > 0) await store.advanceRecipient(transaction, userId, { position, mailInSeconds });
  return recorded;
}

/** Drops notices about objects that have ended, and of posts that are deleted: events arrive in any order. */
async function withoutEnded(transaction: Transaction, notices: readonly Notice[]): Promise<Notice[]> {
  const ended = new Map<EndingObject, Set<string>>();
  for (const kind of ENDING_OBJECTS) {
    const ids = notices.flatMap((each) => (endingObjectOf(each.type) === kind ? endingIdsOf(each) : []));
    ended.set(kind, await store.findEnded(transaction, kind, [...new Set(ids)]));
  }
  return notices.filter((notice) => {
    const kind = endingObjectOf(notice.type);
    return kind === undefined || !endingIdsOf(notice).some((id) => ended.get(kind)?.has(id));
  });
}

/** What a notice is about, and the actor's own post. */
const endingIdsOf = ({ object_id, subject_id }: Notice): string[] =>
  subject_id === undefined ? [object_id] : [object_id, subject_id];

/** Drops a recipient's own actions and those of suppressed and erased actors; all when the recipient is erased. */
async function withoutSuppressed(
  transaction: Transaction,
  userId: string,
  notices: readonly Notice[],
): Promise<Notice[]> {
  const actorIds = [...new Set(notices.flatMap((notice) => notice.actor_id ?? []))];
  const people = await findPeople(transaction, [userId, ...actorIds]);
  if (people.get(userId)?.deleted) return [];
  const suppressed = await findSuppressed(transaction, userId, actorIds);
  return notices.filter(({ actor_id: actorId }) => {
    if (actorId === undefined) return true;
    return actorId !== userId && !suppressed.has(actorId) && people.get(actorId)?.deleted !== true;
  });
}

/** Records the notices of one notification: of one recipient, type, object and reason. @returns how many were new */
async function recordGroup(
  deps: NotificationsDeps,
  transaction: Transaction,
  group: readonly Notice[],
  { position, mailPending }: { position: number; mailPending: boolean },
): Promise<number> {
  const [first] = group;
  if (first === undefined) return 0;
  const { user_id: userId, type, object_id: objectId, reason = '' } = first;
  const key = { userId, type, objectId, reason };
  const existing = await store.findByKey(transaction, key);
  const byActor = new Map(group.map((notice) => [notice.actor_id, notice]));
  // A notification without an actor is recorded once.
  if (byActor.has(undefined)) {
    if (existing !== undefined) return 0;
    const subjectId = first.subject_id ?? null;
    const row = { id: await deps.nextId(), ...key, subjectId, actorsCount: 0, latestActors: [], mailPending };
    await store.insertNotification(transaction, { ...row, position: position + 1 });
    return 1;
  }
  const actors = [...byActor.keys()].filter((id) => id !== undefined);
  const known = existing ? await store.findActors(transaction, existing.id, actors) : new Set();
  const added = actors.filter((id) => !known.has(id));
  const newest = added.at(-1);
  if (newest === undefined) return 0;
  const id = existing?.id ?? (await deps.nextId());
  const change = {
    actorsCount: (existing?.actorsCount ?? 0) + added.length,
    latestActors: [...added.toReversed(), ...(existing?.latestActors ?? [])].slice(0, MAX_NAMED_ACTORS),
    position: position + added.length,
    subjectId: byActor.get(newest)?.subject_id ?? null,
    mailPending,
  };
  if (existing === undefined) await store.insertNotification(transaction, { id, ...key, ...change });
  else await store.updateNotification(transaction, id, change);
  const subjects = added.map((actorId) => ({ actorId, subjectId: byActor.get(actorId)?.subject_id ?? null }));
  await store.insertActors(transaction, id, subjects, position + 1);
  return added.length;
}

const groupKeyOf = ({ type, object_id, reason = '' }: Notice) => `${type} ${object_id} ${reason}`;
