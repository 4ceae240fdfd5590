import { Counter } from 'prom-client';
import type { MailCategory } from '#contracts/events/mail';
import type { Runtime } from '#kit/core/runtime';
import type { MailDeps } from './deps';

/** Counts suppressed mails. */
export function createSuppressionCounter(runtime: Pick<Runtime, 'metrics'>): MailDeps['countSuppressed'] {
  const suppressed = new Counter({
    name: 'mails_suppressed_total',
    help: 'Mails that were not sent, by reason and category',
    labelNames: ['reason', 'category'],
    registers: [runtime.metrics],
  });
  return (reason, category) => suppressed.inc({ reason, category });
}

/**
 * Mails to an address that is not, or no longer, a verified one: the mail that verifies it, and the last one to a former
 * address, which users requests only where it was verified.
 */
const FOR_ANY_ADDRESS: ReadonlySet<string> = new Set(['email-verification', 'address-changed']);

/** Whether a mail may be sent only to a verified address, and this one is none. */
export async function isUnverified(
  deps: Pick<MailDeps, 'mailsUnverified' | 'users'>,
  { template, address }: { template: string; address: string },
): Promise<boolean> {
  if (deps.mailsUnverified || FOR_ANY_ADDRESS.has(template)) return false;
  return !(await deps.users.checkAddress({ address })).verified;
}

/** Categories that recipients may unsubscribe from, with a `List-Unsubscribe` field (RFC 8058). */
const SUBSCRIPTIONS: ReadonlySet<MailCategory> = new Set(['likes', 'notifications']);

export const isSubscription = (category: MailCategory): boolean => SUBSCRIPTIONS.has(category);
