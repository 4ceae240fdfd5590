import { UserDeleted } from '#contracts/events/users';
import type { Rabbit } from '#kit/messaging/rabbit/client';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import { inTransaction } from '#kit/mysql/database';
import type { PlaylistsDeps } from './deps';
import { deletePlaylistsOf } from './store';

/** Deletes the playlists of deleted users. No inbox: deleting is idempotent. */
export function subscribe(deps: PlaylistsDeps, rabbit: Rabbit): void {
  consumeEvents(deps.runtime, rabbit, {
    consumer: 'playlists',
    events: [UserDeleted],
    prefetch: 5,
    handle: ({ data }) =>
      inTransaction(deps.database, (transaction) => deletePlaylistsOf(transaction, data.id)),
  });
}
