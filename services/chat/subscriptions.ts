import { UserDeleted } from '#contracts/events/users';
import type { Rabbit } from '#kit/messaging/rabbit/client';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import type { ChatDeps } from './deps';
import { eraseUser } from './erasure';

/** Erasure is idempotent, so no inbox is needed. */
export function subscribe(deps: Pick<ChatDeps, 'runtime' | 'database'>, rabbit: Rabbit): void {
  consumeEvents(deps.runtime, rabbit, {
    consumer: 'chat',
    events: [UserDeleted],
    prefetch: 2,
    handle: (message) => eraseUser(deps, message.data.id),
  });
}
