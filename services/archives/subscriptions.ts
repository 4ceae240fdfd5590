import { UserDeleted } from '#contracts/events/users';
import type { Rabbit } from '#kit/messaging/rabbit/client';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import type { ArchivesDeps } from './deps';
import { deleteArchivesOf } from './service';

/** Deletes the archives of erased users. No inbox: deleting is idempotent. */
export function subscribe(deps: ArchivesDeps, rabbit: Rabbit): void {
  consumeEvents(deps.runtime, rabbit, {
    consumer: 'archives',
    events: [UserDeleted],
    prefetch: 5,
    handle: (message) => deleteArchivesOf(deps, message.data.id),
  });
}
