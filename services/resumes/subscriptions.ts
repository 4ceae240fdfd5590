import { UserDeleted } from '#contracts/events/users';
import type { Rabbit } from '#kit/messaging/rabbit/client';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import { inTransaction } from '#kit/mysql/database';
import type { ResumesDeps } from './service';
import { deleteAllOf } from './store';

/** What belongs to a person goes with them. Deleting twice does no more than once, so no inbox is needed. */
export function subscribe(deps: ResumesDeps, rabbit: Rabbit): void {
  consumeEvents(deps.runtime, rabbit, {
    consumer: 'resumes',
    events: [UserDeleted],
    prefetch: 5,
    handle: ({ data }) => inTransaction(deps.database, (transaction) => deleteAllOf(transaction, data.id)),
  });
}
