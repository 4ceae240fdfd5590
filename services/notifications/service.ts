import type { Caller } from '#kit/auth/caller';
import { repeatEvery } from '#kit/core/repeat';
import { integerKey } from '#kit/http/lists/keys';
import { type Page, readPageQuery, toPage } from '#kit/http/lists/pagination';
import { inTransaction } from '#kit/mysql/database';
import { deleteExpired } from './deletion-store';
import type { NotificationsDeps } from './deps';
import type { Notification, NotificationQuery, Read, SettingsChange } from './model';
import { NotificationNotFound } from './model';
import { findSuppressed } from './people-store';
import { type Delivery, type NotificationType, type Settings, TYPES } from './rules';
import * as store from './store';
import { viewsOf } from './views';

export async function listNotifications(
  deps: NotificationsDeps,
  caller: Pick<Caller, 'id'>,
  query: NotificationQuery,
): Promise<Page<Notification>> {
  const { limit, after } = readPageQuery(query, [integerKey]);
  const rows = await store.listNotifications(
    deps.database,
    { userId: caller.id, unread: query.unread, type: query.type },
    { before: after?.[0] ?? null, limit: limit + 1 },
  );
  const views = new Map((await viewsOf(deps.database, rows)).map((view) => [view.id, view]));
  const page = toPage(
    rows,
    limit,
    (row) => [String(row.position)],
    (row) => views.get(row.id),
  );
  return { ...page, items: page.items.filter((view) => view !== undefined) };
}

export async function countUnread(
  deps: NotificationsDeps,
  caller: Caller,
): Promise<{ unread_count: number }> {
  return { unread_count: await store.countUnread(deps.database, caller.id) };
}

/** @throws NotificationNotFound */
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
  caller: Pick<Caller, 'id'>,
  change: SettingsChange,
): Promise<Settings> {
  await inTransaction(deps.database, async (transaction) => {
    for (const type of TYPES) {
      const delivery = change[type];
      if (delivery !== undefined) await store.upsertSetting(transaction, caller.id, type, delivery);
    }
  });
  return readSettings(deps, caller);
}

/** How a type of notification is delivered to a recipient, and which of the actors are suppressed for them. */
export async function readDelivery(
  deps: NotificationsDeps,
  request: { userId: string; type: NotificationType; actorIds: readonly string[] },
): Promise<{ delivery: Delivery; suppressedIds: string[] }> {
  const settings = await store.readSettings(deps.database, request.userId);
  const suppressed = await findSuppressed(deps.database, request.userId, request.actorIds);
  return { delivery: settings[request.type], suppressedIds: [...suppressed] };
}

const TRIM_EVERY_MS = 60 * 60_000;

/** Deletes notifications that have not changed for this many days, every hour. */
export function trimHourly({ runtime, database }: NotificationsDeps, retentionDays: number): void {
  repeatEvery(runtime, 'trimming notifications', { everyMs: TRIM_EVERY_MS }, () =>
    deleteExpired(database, retentionDays, runtime.closing),
  );
}
