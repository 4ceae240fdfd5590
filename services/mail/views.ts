import type { Mail } from './model';
import type { MailRow } from './store';

export const mailView = (row: MailRow): Mail => ({
  id: row.id,
  event_id: row.eventId,
  template: row.template,
  user_id: row.userId,
  address: row.address,
  name: row.name,
  subject: row.subject,
  category: row.category,
  status: row.status,
  attempts: row.attempts,
  reason: row.reason,
  created_at: row.createdAt.toISOString(),
  sent_at: row.sentAt?.toISOString() ?? null,
});
