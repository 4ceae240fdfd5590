import { networkOf } from '#kit/http/network';
import type { Admission, Attempt, Devices, ResetThrottle, Throttle } from '../deps';
import type { Counted, Counters } from './counters';
import { tooManyAttempts } from './model';
import type { CountRefusal } from './refusals';
import * as rules from './rules';

const AT_DEVICE = rules.inARow('device');
const AT_SESSION = rules.inARow('session');
const AT_NETWORK = rules.inARow('account-and-network');

/**
 * Limits wrong passwords (`docs/decisions/0026-throttling-without-lockout.md`). Strangers are counted by the name they typed
 * and their network, by their network, and by the name. A device on which the account has signed in before is counted
 * apart, and a network from which it has is spared the limits that other people can use up.
 *
 * A name is counted as it was typed, never by the account it leads to: a limit that the username and the email address
 * shared would tell strangers whose address it is.
 *
 * @param failuresPerNetwork in five minutes
 */
export function createThrottle(
  counters: Counters,
  countRefusal: CountRefusal,
  { devices, failuresPerNetwork }: { devices: Devices; failuresPerNetwork: number },
): Throttle {
  const byNetwork = rules.perNetwork(failuresPerNetwork);

  /** @throws TooManyAttempts when one of the limits does not admit the attempt */
  function requireAdmitted(limits: readonly Counted[], waits: readonly number[]): void {
    const longestMs = Math.max(0, ...waits);
    if (longestMs === 0) return;
    countRefusal(limits[waits.indexOf(longestMs)]?.rule.name ?? '');
    throw tooManyAttempts(longestMs);
  }

  const admission = (
    queue: string,
    options: { isRecognized: boolean; failures: readonly Counted[]; forgotten: readonly Counted[] },
  ): Admission => ({
    queue,
    isRecognized: options.isRecognized,
    failed: () => counters.count(options.failures),
    succeeded: () => counters.forget(options.forgotten),
  });

  async function admitStranger(attempt: Attempt): Promise<Admission> {
    const network = networkOf(attempt.address);
    const own = { rule: AT_NETWORK, subject: [...attempt.name, network] };
    const shared = [
      { rule: byNetwork, subject: [network] },
      { rule: rules.PER_ACCOUNT, subject: attempt.name },
    ];
    const [ownWait = 0, ...sharedWaits] = await counters.waits([own, ...shared]);
    requireAdmitted([own], [ownWait]);
    const isHome = sharedWaits.some((wait) => wait > 0) && (await attempt.isKnownNetwork(network));
    if (!isHome) requireAdmitted(shared, sharedWaits);
    return admission(network, { isRecognized: false, failures: [own, ...shared], forgotten: [own] });
  }

  return {
    async admit(attempt) {
      const device = attempt.userId === null ? undefined : devices.recognize(attempt.device, attempt.userId);
      if (device === undefined) return admitStranger(attempt);
      const own = { rule: AT_DEVICE, subject: [device] };
      const [wait = 0] = await counters.waits([own]);
      // It may be in the wrong hands. Its owner is then admitted as a stranger is.
      if (wait > 0) return admitStranger(attempt);
      const key = `device ${device}`;
      return admission(key, { isRecognized: true, failures: [own], forgotten: [own] });
    },
    async admitSession(sessionId) {
      const own = { rule: AT_SESSION, subject: [sessionId] };
      requireAdmitted([own], await counters.waits([own]));
      return admission(queueOfSession(sessionId), { isRecognized: true, failures: [own], forgotten: [own] });
    },
    forgive: (names, address) =>
      counters.forget(
        names.flatMap((name) => [
          { rule: AT_NETWORK, subject: [...name, networkOf(address)] },
          { rule: rules.PER_ACCOUNT, subject: name },
        ]),
      ),
  };
}

/** The queue of somebody who is signed in. */
export const queueOfSession = (sessionId: string): string => `session ${sessionId}`;

/** Limits requests for reset links by who makes them, and mails by who causes them. */
export function createResetThrottle(counters: Counters, devices: Devices): ResetThrottle {
  return {
    async admitRequest(address) {
      const limit = { rule: rules.RESETS_PER_NETWORK, subject: [networkOf(address)] };
      if (await counters.take(limit)) return;
      const [wait = 0] = await counters.waits([limit]);
      throw tooManyAttempts(wait);
    },
    async admitMail({ userId, email, address, device }) {
      const recognized = devices.recognize(device, userId);
      if (
        recognized !== undefined &&
        (await counters.take({ rule: rules.MAILS_PER_DEVICE, subject: [recognized] }))
      )
        return true;
      // The requester first: what is refused to one must not use up what all share.
      const subject = [email, networkOf(address)];
      if (!(await counters.take({ rule: rules.MAILS_PER_REQUESTER, subject }))) return false;
      return counters.take({ rule: rules.MAILS_PER_ACCOUNT, subject: [email] });
    },
  };
}
