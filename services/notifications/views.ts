import { timeOfId } from '#kit/core/ids';
import type { Executor } from '#kit/mysql/database';
import { shownWebUrl } from '#kit/text/web-url';
import type { Notification } from './model';
import { findPeople } from './people-store';
import { sentenceOf } from './rules';
import type { NotificationRow } from './store';

/** The representations of notifications in responses; their actors are read in one query. */
export async function viewsOf(executor: Executor, rows: readonly NotificationRow[]): Promise<Notification[]> {
  const people = await findPeople(executor, [...new Set(rows.flatMap((row) => row.latestActors))]);
  return rows.map((row) => {
    // An actor whose own event has not arrived is counted and not named.
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
        avatar_url: shownWebUrl(person.avatarUrl),
      })),
      actors_count: row.actorsCount,
      unread: row.unread,
      created_at: timeOfId(row.id).toISOString(),
      updated_at: row.changedAt.toISOString(),
    };
  });
}
