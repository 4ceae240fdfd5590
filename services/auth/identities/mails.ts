import { type IdentityChange, MailRequested } from '#contracts/events/mail';
import { outboxEntry, writeOutbox } from '#kit/messaging/outbox';
import type { Transaction } from '#kit/mysql/database';

/** Tells a person what has happened to the linked accounts. The person's row must be locked. */
export async function tellIdentityChange(
  transaction: Transaction,
  userId: string,
  { change, provider, at }: { change: IdentityChange; provider: string; at: Date },
): Promise<void> {
  const data = {
    to: { user_id: userId },
    content: {
      template: 'identities-changed' as const,
      values: { change, provider, changed_at: at.toISOString() },
    },
  };
  const aggregate = { type: 'identities', id: userId, version: 1 };
  await writeOutbox(transaction, [outboxEntry(MailRequested, data, { aggregate, actor: null })]);
}
