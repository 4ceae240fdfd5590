import { UserBlocked, UserDeleted } from '#contracts/events/users';
import type { Rabbit } from '#kit/messaging/rabbit/client';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import type { ChatDeps } from './deps';
import { eraseUser } from './erasure';
import { hideInvitationsBetween } from './invitations/store';

/** Each effect is idempotent, so no inbox is needed. */
export function subscribe(deps: Pick<ChatDeps, 'runtime' | 'database'>, rabbit: Rabbit): void {
  consumeEvents(deps.runtime, rabbit, {
    consumer: 'chat',
    events: [UserDeleted, UserBlocked],
    prefetch: 2,
    handle: ({ name, data }) =>
      name === 'user.deleted'
        ? eraseUser(deps, data.id)
        : hideInvitationsBetween(deps.database, data.blocker_id, data.blocked_id),
  });
}
