import { lt, sql } from 'drizzle-orm';
import { repeatEvery } from '#kit/core/repeat';
import type { Runtime } from '#kit/core/runtime';
import { DATABASE_NOW } from '#kit/mysql/columns';
import type { Database, Transaction } from '#kit/mysql/database';
import { webhookEvents } from '../schema';

/** Stripe sends an event again for up to three days, and lets an operator do so for 30. */
const RETAIN_DAYS = 31;
const TRIM_ROWS = 1_000;
const TRIM_EVERY_MS = 10 * 60_000;

/** Records an event, in the transaction of its effect. @returns false for one that is recorded already */
export async function recordWebhookEvent(transaction: Transaction, id: string): Promise<boolean> {
  const [{ affectedRows }] = await transaction.insert(webhookEvents).ignore().values({ id });
  return affectedRows === 1;
}

/** Deletes events that the provider sends no more, every ten minutes until shutdown. */
export function trimWebhookEvents(runtime: Runtime, database: Database): void {
  repeatEvery(runtime, 'trimming webhook events', { everyMs: TRIM_EVERY_MS }, async () => {
    await database
      .delete(webhookEvents)
      .where(lt(webhookEvents.receivedAt, sql`${DATABASE_NOW} - interval ${RETAIN_DAYS} day`))
      .limit(TRIM_ROWS);
  });
}
