import { networkOf } from '#kit/http/network';
import type { Devices, FactorThrottle } from '../deps';
import type { Counted, Counters } from './counters';
import { tooManyAttempts } from './model';
import type { CountRefusal } from './refusals';
import * as rules from './rules';

/**
 * Limits what answers a pending sign-in. Whoever answers knows the password, so that codes are counted apart from wrong
 * passwords, and before they are checked: many at once are not more guesses than one after another. As with passwords, a
 * device and a network from which the account has signed in have limits of their own, which no stranger uses up.
 */
export function createFactorThrottle(
  counters: Counters,
  countRefusal: CountRefusal,
  devices: Devices,
): FactorThrottle {
  async function requireTaken(limit: Counted): Promise<void> {
    if (await counters.take(limit)) return;
    countRefusal(limit.rule.name);
    const [wait = 0] = await counters.waits([limit]);
    throw tooManyAttempts(wait);
  }

  return {
    async takeAnswer(pending) {
      const taken = await counters.take({ rule: rules.ANSWERS_PER_SIGN_IN, subject: [pending] });
      if (!taken) countRefusal(rules.ANSWERS_PER_SIGN_IN.name);
      return taken;
    },
    async takeCode({ userId, address, device, isKnownNetwork }) {
      const network = networkOf(address);
      const recognized = devices.recognize(device, userId);
      const own: Counted =
        recognized === undefined
          ? { rule: rules.CODES_PER_NETWORK, subject: [userId, network] }
          : { rule: rules.CODES_PER_DEVICE, subject: [userId, recognized] };
      await requireTaken(own);
      if (recognized === undefined && !(await isKnownNetwork(network)))
        await requireTaken({ rule: rules.CODES_PER_ACCOUNT, subject: [userId] });
      return { succeeded: () => counters.forget([own]) };
    },
    takeChallenge: (address) =>
      requireTaken({ rule: rules.CHALLENGES_PER_NETWORK, subject: [networkOf(address)] }),
  };
}
