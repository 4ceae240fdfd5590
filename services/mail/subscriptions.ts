import { UserDeleted } from '#contracts/events/users';
import type { Rabbit } from '#kit/messaging/rabbit/client';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import type { MailDeps } from './deps';
import { deleteMailsOfUser } from './service';

/** Not `mail`, which is the worker's queue. */
const CONSUMER = 'mail-records';

/** Deletion is idempotent, so no inbox is needed. */
export function subscribe(deps: Pick<MailDeps, 'runtime' | 'database'>, rabbit: Rabbit): void {
  consumeEvents(deps.runtime, rabbit, {
    consumer: CONSUMER,
    events: [UserDeleted],
    prefetch: 5,
    handle: (message) => deleteMailsOfUser(deps, message.data.id),
  });
}
