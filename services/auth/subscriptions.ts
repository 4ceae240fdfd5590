import { AuthCredentialsSet, AuthEmailSet } from '#contracts/events/auth';
import { UserAuthorizationsChanged, UserCreated, UserDeleted, UserUpdated } from '#contracts/events/users';
import type { MessageOf } from '#contracts/messages';
import type { Rabbit } from '#kit/messaging/rabbit/client';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import { applyAuthorizations } from './credentials/authorizations';
import { applyCredentials, applyEmail, applyUser, eraseUser } from './credentials/replication';
import type { AuthDeps } from './deps';

const EVENTS = [
  AuthCredentialsSet,
  AuthEmailSet,
  UserCreated,
  UserUpdated,
  UserAuthorizationsChanged,
  UserDeleted,
] as const;

/** Replicates users and their credentials from the users service. */
export function subscribe(deps: AuthDeps, rabbit: Rabbit): void {
  consumeEvents(deps.runtime, rabbit, {
    consumer: 'auth',
    events: EVENTS,
    prefetch: 20,
    handle: (message) => applyEvent(deps, message),
  });
}

/**
 * Applies one event. Events may arrive twice and in any order: each change compares the user's version in its own
 * transaction, so no inbox is needed.
 */
export async function applyEvent(deps: AuthDeps, message: MessageOf<(typeof EVENTS)[number]>): Promise<void> {
  switch (message.name) {
    case 'auth.credentials-set': {
      const { user_id, sealed, ...rest } = message.data;
      const passwordHash = await deps.sealer.open(sealed);
      const setAt = new Date(message.occurred_at);
      await applyCredentials(deps, { userId: user_id, passwordHash, setAt, ...rest });
      return;
    }
    case 'auth.email-set': {
      const { user_id, ...rest } = message.data;
      return applyEmail(deps, { userId: user_id, ...rest });
    }
    case 'user.authorizations-changed': {
      const { user_id, ...rest } = message.data;
      return applyAuthorizations(deps, { userId: user_id, ...rest });
    }
    case 'user.created':
    case 'user.updated':
      return applyUser(deps, message.data);
    case 'user.deleted':
      return eraseUser(deps, message.data);
  }
}
