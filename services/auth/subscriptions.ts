import { AuthCredentialsSet, AuthEmailSet } from '#contracts/events/auth';
import { UserAuthorizationsChanged, UserCreated, UserDeleted, UserUpdated } from '#contracts/events/users';
import type { MessageOf } from '#contracts/messages';
import type { Sealer } from '#kit/auth/sealing';
import type { Rabbit } from '#kit/messaging/rabbit/client';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import {
  type CredentialsDeps,
  erasePerson,
  setAuthorizations,
  setCredentials,
  setEmail,
  updatePerson,
} from './credentials/service';

const EVENTS = [
  AuthCredentialsSet,
  AuthEmailSet,
  UserCreated,
  UserUpdated,
  UserAuthorizationsChanged,
  UserDeleted,
] as const;

export interface SubscriptionDeps extends CredentialsDeps {
  readonly sealer: Sealer;
}

/** Keeps this service's copy of people and their credentials. */
export function subscribe(deps: SubscriptionDeps, rabbit: Rabbit): void {
  consumeEvents(deps.runtime, rabbit, {
    consumer: 'auth',
    events: EVENTS,
    prefetch: 20,
    handle: (message) => takeOver(deps, message),
  });
}

/**
 * Messages may come doubled and in any order. Each change goes by the person's version within its own transaction, so
 * nothing has to be noted about the message itself.
 */
export async function takeOver(
  deps: SubscriptionDeps,
  message: MessageOf<(typeof EVENTS)[number]>,
): Promise<void> {
  switch (message.name) {
    case 'auth.credentials-set': {
      const { user_id, sealed, ...rest } = message.data;
      const passwordHash = await deps.sealer.open(sealed);
      const setAt = new Date(message.occurred_at);
      await setCredentials(deps, { userId: user_id, passwordHash, setAt, ...rest });
      return;
    }
    case 'auth.email-set': {
      const { user_id, ...rest } = message.data;
      return setEmail(deps, { userId: user_id, ...rest });
    }
    case 'user.authorizations-changed': {
      const { user_id, ...rest } = message.data;
      return setAuthorizations(deps, { userId: user_id, ...rest });
    }
    case 'user.created':
    case 'user.updated':
      return updatePerson(deps, message.data);
    case 'user.deleted':
      return erasePerson(deps, message.data);
  }
}
