import type { Caller } from '#kit/auth/caller';
import { timeOfId } from '#kit/core/ids';
import { repeatEvery } from '#kit/core/repeat';
import type { Runtime } from '#kit/core/runtime';
import { type Page, readPageQuery, toPage } from '#kit/http/pagination';
import { type Database, inTransaction } from '#kit/mysql/database';
import type { Notification, NotificationQuery, Read, SettingsChange } from './model';
import { NotificationNotFound } from './model';
import { findPeople, unheardAmong } from './people-store';
import { trimNotifications } from './removal-store';
import { type Delivery, type NotificationType, type Settings, sentenceOf, TYPES } from './rules';
import * as store from './store';

export interface NotificationsDeps {
  readonly runtime: Runtime;
  readonly database: Database;
  readonly outbox: { wake(): void };
  readonly nextId: () => string;
  /** What is told by mail waits so long for more, to go together. */
  readonly digestSeconds: number;
  /** Where people reach this system, without a slash at the end. */
  readonly publicUrl: string;
}

export async function listNotifications(
  deps: NotificationsDeps,
  caller: Pick<Caller, 'id'>,
  query: NotificationQuery,
): Promise<Page<Notification>> {
  const { limit, after } = readPageQuery<[position: string]>(query, 1);
  const rows = await store.listNotifications(
    deps.database,
    { userId: caller.id, unread: query.unread, type: query.type },
    { before: after?.[0] ?? null, limit: limit + 1 },
  );
  const views = new Map((await viewsOf(deps, rows)).map((view) => [view.id, view]));
  const page = toPage(
    rows,
    limit,
    (row) => [String(row.position)],
    (row) => views.get(row.id),
  );
  return { ...page, items: page.items.filter((view) => view !== undefined) };
}

/** Notifications as they are answered, the people in them asked for once for all. */
export async function viewsOf(
  deps: NotificationsDeps,
  rows: readonly store.NotificationRow[],
): Promise<Notification[]> {
  const people = await findPeople(deps.database, [...new Set(rows.flatMap((row) => row.latestActors))]);
  return rows.map((row) => {
    // Somebody whose own event has not arrived yet is counted and not named.
    const actors = row.latestActors.flatMap((id) => people.get(id) ?? []);
    const names = actors.map((person) => person.username);
    return {
      id: row.id,
      type: row.type,
      text: sentenceOf(row.type, { names, count: row.actorsCount, reason: row.reason }),
      object_id: row.objectId,
      ...(row.subjectId !== null && { subject_id: row.subjectId }),
      ...(row.reason !== '' && { reason: row.reason }),
      actors: actors.map((person) => ({
        id: person.id,
        username: person.username,
        display_name: person.displayName,
        avatar_url: person.avatarUrl,
      })),
      actors_count: row.actorsCount,
      unread: row.unread,
      created_at: timeOfId(row.id).toISOString(),
      updated_at: row.changedAt.toISOString(),
    };
  });
}

export async function countUnread(
  deps: NotificationsDeps,
  caller: Caller,
): Promise<{ unread_count: number }> {
  return { unread_count: await store.countUnread(deps.database, caller.id) };
}

export async function markRead(
  deps: NotificationsDeps,
  caller: Caller,
  read: Read,
): Promise<{ unread_count: number }> {
  if ('ids' in read) await store.markRead(deps.database, caller.id, read.ids);
  else {
    const last = await store.findNotification(deps.database, caller.id, read.up_to);
    if (last === undefined) throw new NotificationNotFound();
    await store.markReadUpTo(deps.database, caller.id, last.position);
  }
  return countUnread(deps, caller);
}

export const readSettings = (deps: NotificationsDeps, caller: Pick<Caller, 'id'>): Promise<Settings> =>
  store.readSettings(deps.database, caller.id);

export async function changeSettings(
  deps: NotificationsDeps,
  caller: Caller,
  change: SettingsChange,
): Promise<Settings> {
  await inTransaction(deps.database, async (transaction) => {
    for (const type of TYPES) {
      const delivery = change[type];
      if (delivery !== undefined) await store.keepSetting(transaction, caller.id, type, delivery);
    }
  });
  return readSettings(deps, caller);
}

/** How somebody is told of a type, and which of some people they do not hear of at all. */
export async function readHearing(
  deps: NotificationsDeps,
  asked: { userId: string; type: NotificationType; actorIds: readonly string[] },
): Promise<{ delivery: Delivery; unheardIds: string[] }> {
  const settings = await store.readSettings(deps.database, asked.userId);
  const unheard = await unheardAmong(deps.database, asked.userId, asked.actorIds);
  return { delivery: settings[asked.type], unheardIds: [...unheard] };
}

const TRIM_EVERY_MS = 60 * 60_000;

/** Forgets notifications that have not changed for so many days. */
export function trimHourly({ runtime, database }: NotificationsDeps, days: number): void {
  repeatEvery(runtime, 'trimming notifications', { everyMs: TRIM_EVERY_MS }, () =>
    trimNotifications(database, days, runtime.closing),
  );
}
