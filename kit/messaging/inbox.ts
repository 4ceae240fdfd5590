import { lt, sql } from 'drizzle-orm';
import type { EventDefinition, MessageOf } from '#contracts/messages';
import { repeatEvery } from '../core/repeat';
import type { Runtime } from '../core/runtime';
import { DATABASE_NOW } from '../mysql/columns';
import { type Database, inTransaction, type Transaction } from '../mysql/database';
import type { MessageContext } from './delivery';
import type { Rabbit } from './rabbit/client';
import { consumeEvents, type EventConsumption } from './rabbit/consumer';
import { inbox } from './tables';

/** A message older than this is not expected to be repeated: parked ones are looked at within two weeks. */
const RETAIN_DAYS = 14;
const TRIM_ROWS = 1_000;
const TRIM_EVERY_MS = 60 * 60_000;

/**
 * Does something once for each message: the effect and the note that it is done are one transaction, so a repeat finds
 * the note and does nothing. Deadlocks are tried again a bounded number of times.
 *
 * @param consumer whose effect it is: several consumers of one database do not share their notes
 * @returns whether it was done now; false for a repeat
 * @throws what `effect` threw; then nothing is noted
 */
export async function onceInTransaction(
  database: Database,
  consumer: string,
  messageId: string,
  effect: (transaction: Transaction) => Promise<void>,
): Promise<boolean> {
  return inTransaction(database, async (transaction) => {
    // A repeat that runs at the same time waits here for the first one's commit or rollback.
    const [noted] = await transaction
      .insert(inbox)
      .ignore()
      .values({ consumer, messageId, receivedAt: DATABASE_NOW });
    if (noted.affectedRows === 0) return false;
    await effect(transaction);
    return true;
  });
}

/**
 * Like `consumeEvents`, with each event's effect done once: `handle` gets the transaction that also notes the message
 * in the inbox of `database`. The service also calls `trimInbox`, once.
 */
export function consumeEventsOnce<Definition extends EventDefinition>(
  runtime: Runtime,
  rabbit: Rabbit,
  database: Database,
  options: Omit<EventConsumption<Definition>, 'handle'> & {
    handle: (
      message: MessageOf<Definition>,
      transaction: Transaction,
      context: MessageContext,
    ) => Promise<void>;
  },
): void {
  const { handle, ...consumption } = options;
  consumeEvents(runtime, rabbit, {
    ...consumption,
    async handle(message, context) {
      const done = await onceInTransaction(database, options.consumer, message.id, (transaction) =>
        handle(message, transaction, context),
      );
      if (!done) context.log.info('a repeat: it has been done before');
    },
  });
}

/**
 * Deletes inbox rows after 14 days, now and every hour until the runtime shuts down. Once for each database, however many
 * consumers it has.
 */
export function trimInbox(runtime: Runtime, database: Database): void {
  repeatEvery(runtime, 'trimming the inbox', { everyMs: TRIM_EVERY_MS }, async () => {
    while (!runtime.closing.aborted && (await trimOnce(database)) === TRIM_ROWS);
  });
}

async function trimOnce(database: Database): Promise<number> {
  const [result] = await database
    .delete(inbox)
    .where(lt(inbox.receivedAt, sql`${DATABASE_NOW} - interval ${RETAIN_DAYS} day`))
    .limit(TRIM_ROWS);
  return result.affectedRows;
}
