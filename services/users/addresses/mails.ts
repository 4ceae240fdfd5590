import { createHash, randomBytes } from 'node:crypto';
import { MailRequested } from '#contracts/events/mail';
import { outboxEntry, writeOutbox } from '#kit/messaging/outbox';
import type { Transaction } from '#kit/mysql/database';
import { parseEmail } from '#kit/text/email';
import type { UsersDeps } from '../deps';
import * as store from './store';

const LIFETIME_MS = store.VERIFICATION_HOURS * 60 * 60_000;

/** Whether a mail can reach an address: not those of users who register by phone, below `.invalid` (RFC 2606). */
export const isDeliverable = (address: string): boolean =>
  parseEmail(address)?.key.endsWith('.invalid') === false;

/**
 * Mails a link that verifies an address of a user. The token is stored as a hash, and is bound to the user and the address.
 * The user's row must be locked.
 *
 * @param address one that is deliverable
 */
export async function sendVerification(
  transaction: Transaction,
  { publicUrl }: Pick<UsersDeps, 'publicUrl'>,
  { userId, address }: { userId: string; address: string },
): Promise<void> {
  const token = randomBytes(32).toString('base64url');
  const expiresAt = new Date(Date.now() + LIFETIME_MS);
  await store.insertVerification(transaction, { hash: hashOf(token), userId, email: address, expiresAt });
  const values = {
    link: `${publicUrl}/users/email/verification?token=${token}`,
    expires_at: expiresAt.toISOString(),
  };
  const data = {
    to: { address },
    content: { template: 'email-verification' as const, values },
    about_user_id: userId,
  };
  const aggregate = { type: 'email-verification', id: userId, version: 1 };
  await writeOutbox(transaction, [outboxEntry(MailRequested, data, { aggregate, actor: null })]);
}

/** Tells the former address of an account, where it was verified. The user's row must be locked. */
export async function tellFormerAddress(
  transaction: Transaction,
  former: { id: string; email: string; emailVerifiedAt: Date | null },
): Promise<void> {
  if (former.emailVerifiedAt === null) return;
  const data = {
    to: { address: former.email },
    content: {
      template: 'address-changed' as const,
      values: { changed_at: new Date().toISOString() },
    },
    about_user_id: former.id,
  };
  const aggregate = { type: 'address-change', id: former.id, version: 1 };
  await writeOutbox(transaction, [outboxEntry(MailRequested, data, { aggregate, actor: null })]);
}

/** A token as it is stored. */
export const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex');
