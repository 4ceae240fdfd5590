import { MailRequested } from '#contracts/events/mail';
import { repeatEvery } from '#kit/core/repeat';
import { outboxEntry, writeOutbox } from '#kit/messaging/outbox';
import { inTransaction } from '#kit/mysql/database';
import type { NotificationsDeps } from './deps';
import { claimPending, listDue } from './digest-store';
import { viewsOf } from './views';

const POLL_MS = 5_000;
const BATCH_RECIPIENTS = 100;
/** Notifications a mail lists; it counts the others. */
const MAX_LINES = 15;

/** Sends the due digest mails, one for all pending notifications of a recipient. */
export function sendDigests(deps: NotificationsDeps): void {
  repeatEvery(deps.runtime, 'sending digests', { everyMs: POLL_MS }, async () => {
    for (const userId of await listDue(deps.database, BATCH_RECIPIENTS)) await sendDigest(deps, userId);
  });
}

/** Publishes `mail.requested` in the transaction that claims the pending notifications. */
export async function sendDigest(deps: NotificationsDeps, userId: string): Promise<void> {
  await inTransaction(deps.database, async (transaction) => {
    const rows = await claimPending(transaction, userId);
    if (rows.length === 0) return;
    const views = await viewsOf(deps.database, rows.slice(0, MAX_LINES));
    const lines = views.map((view) => view.text);
    const more = rows.length - lines.length;
    const text = [...lines, ...(more > 0 ? [`… and ${more} more`] : [])].join('\n');
    const content = {
      template: 'notification' as const,
      values: {
        title: 'New on Rookery',
        notifications_count: rows.length,
        text,
        action: { label: 'See all', link: `${deps.publicUrl}/notifications` },
      },
    };
    const aggregate = { type: 'recipient', id: userId, version: 1 };
    await writeOutbox(transaction, [
      outboxEntry(MailRequested, { to: { user_id: userId }, content }, { aggregate, actor: null }),
    ]);
  });
  deps.outbox.wake();
}
