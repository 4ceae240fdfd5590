import { UserDeleted } from '#contracts/events/users';
import type { Rabbit } from '#kit/messaging/rabbit/client';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import { type ChatDeps, forgetPerson } from './service';

/** Forgetting twice does no more than once, so no inbox is needed. */
export function subscribe(deps: ChatDeps, rabbit: Rabbit): void {
  consumeEvents(deps.runtime, rabbit, {
    consumer: 'chat',
    events: [UserDeleted],
    prefetch: 2,
    handle: (message) => forgetPerson(deps, message.data.id),
  });
}
