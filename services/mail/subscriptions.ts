import { UserDeleted } from '#contracts/events/users';
import type { Rabbit } from '#kit/messaging/rabbit/client';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import { forgetPerson, type MailDeps } from './service';

/** Not `mail`: that is the queue of the worker. Forgetting twice does no more than once, so no inbox is needed. */
const CONSUMER = 'mail-records';

export function subscribe(deps: MailDeps, rabbit: Rabbit): void {
  consumeEvents(deps.runtime, rabbit, {
    consumer: CONSUMER,
    events: [UserDeleted],
    prefetch: 5,
    handle: (message) => forgetPerson(deps, message.data.id),
  });
}
