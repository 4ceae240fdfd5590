import { UserDeleted } from '#contracts/events/users';
import type { Rabbit } from '#kit/messaging/rabbit/client';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import { inTransaction } from '#kit/mysql/database';
import type { ResumesDeps } from './deps';
import { deleteResumesOf } from './store';

/** Deletes the résumés of deleted users. No inbox: deleting is idempotent. */
export function subscribe(deps: ResumesDeps, rabbit: Rabbit): void {
  consumeEvents(deps.runtime, rabbit, {
    consumer: 'resumes',
    events: [UserDeleted],
    prefetch: 5,
    handle: ({ data }) =>
      inTransaction(deps.database, (transaction) => deleteResumesOf(transaction, data.id)),
  });
}
