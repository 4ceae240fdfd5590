import { UserCreated, UserDeleted } from '#contracts/events/users';
import type { Rabbit } from '#kit/messaging/rabbit/client';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import type { AccountsDeps } from './deps';
import { AccountClosed } from './model';
import { closeAccountsOf, openAccount } from './service';

/** Opens an account for every user. No inbox: opening and closing are idempotent, in any order. */
export function subscribe(deps: AccountsDeps, rabbit: Rabbit): void {
  consumeEvents(deps.runtime, rabbit, {
    consumer: 'accounts',
    events: [UserCreated, UserDeleted],
    prefetch: 20,
    async handle(message, { log }) {
      if (message.name === 'user.deleted') return closeAccountsOf(deps, message.data.id);
      try {
        await openAccount(deps, message.data.id, deps.defaultCurrency);
      } catch (failure) {
        if (!(failure instanceof AccountClosed)) throw failure;
        log.info('user already erased; no account opened');
      }
    },
  });
}
