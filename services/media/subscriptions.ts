import { UserDeleted } from '#contracts/events/users';
import type { Rabbit } from '#kit/messaging/rabbit/client';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import type { MediaDeps } from './deps';
import { deleteFilesOfUser } from './files/service';

/** Not `media`, which is the worker's queue. */
const CONSUMER = 'media-records';

/** Deletion is idempotent, so no inbox is needed. */
export function subscribe(deps: MediaDeps, rabbit: Rabbit): void {
  consumeEvents(deps.runtime, rabbit, {
    consumer: CONSUMER,
    events: [UserDeleted],
    prefetch: 2,
    handle: (message) => deleteFilesOfUser(deps, message.data.id),
  });
}
