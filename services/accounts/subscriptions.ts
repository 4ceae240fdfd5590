import { UserCreated, UserDeleted } from '#contracts/events/users';
import type { Rabbit } from '#kit/messaging/rabbit/client';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import { AccountClosed } from './model';
import { type AccountsDeps, closeAccountsOf, openAccount } from './service';

/** Opens everybody's account. No inbox: opening and closing twice does no more than once, in any order. */
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
        log.info('the person has been erased meanwhile');
      }
    },
  });
}
