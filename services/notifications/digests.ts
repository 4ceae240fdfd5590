import { MailRequested } from '#contracts/events/mail';
import { repeatEvery } from '#kit/core/repeat';
import { outboxEntry, writeOutbox } from '#kit/messaging/outbox';
import { inTransaction } from '#kit/mysql/database';
import { listDue, takePending } from './digest-store';
import { type NotificationsDeps, viewsOf } from './service';

const LOOK_EVERY_MS = 5_000;
const PEOPLE_PER_LOOK = 100;
/** A mail names so many, and counts the rest. */
const MOST_LINES = 15;

/** Sends what waits to be told by mail, all of a person's in one. */
export function sendDigests(deps: NotificationsDeps): void {
  repeatEvery(deps.runtime, 'sending digests', { everyMs: LOOK_EVERY_MS }, async () => {
    for (const userId of await listDue(deps.database, PEOPLE_PER_LOOK)) await sendDigest(deps, userId);
  });
}

/** Asks for one person's mail, in the transaction that takes what it tells: told once, and not lost. */
export async function sendDigest(deps: NotificationsDeps, userId: string): Promise<void> {
  await inTransaction(deps.database, async (transaction) => {
    const rows = await takePending(transaction, userId);
    if (rows.length === 0) return;
    const views = await viewsOf(deps, rows.slice(0, MOST_LINES));
    const lines = views.map((view) => view.text);
    const more = rows.length - lines.length;
    const text = [...lines, ...(more > 0 ? [`… and ${more} more`] : [])].join('\n');
    const title = rows.length === 1 ? (lines[0] ?? 'Something happened') : `${rows.length} things happened`;
    const content = {
      template: 'notification' as const,
      values: { title, text, action: { label: 'See all', link: `${deps.publicUrl}/notifications` } },
    };
    const aggregate = { type: 'recipient', id: userId, version: 1 };
    await writeOutbox(transaction, [
      outboxEntry(MailRequested, { to: { user_id: userId }, content }, { aggregate, actor: null }),
    ]);
  });
  deps.outbox.wake();
}
