import { type FactorChange, MailRequested } from '#contracts/events/mail';
import { outboxEntry, writeOutbox } from '#kit/messaging/outbox';
import type { Transaction } from '#kit/mysql/database';

/** Tells a person what has happened to the second factors. The person's row must be locked. */
export async function tellFactorChange(
  transaction: Transaction,
  userId: string,
  { change, at }: { change: FactorChange; at: Date },
): Promise<void> {
  const data = {
    to: { user_id: userId },
    content: {
      template: 'second-factors-changed' as const,
      values: { change, changed_at: at.toISOString() },
    },
  };
  const aggregate = { type: 'second-factors', id: userId, version: 1 };
  await writeOutbox(transaction, [outboxEntry(MailRequested, data, { aggregate, actor: null })]);
}
