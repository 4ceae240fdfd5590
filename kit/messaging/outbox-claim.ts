import { and, eq, inArray, isNull, lt, lte, notInArray, sql } from 'drizzle-orm';
import { DATABASE_NOW } from '../mysql/columns';
import type { Database, Transaction } from '../mysql/database';
import { outbox } from './tables';

export type OutboxRow = typeof outbox.$inferSelect;
export type Destination = OutboxRow['destination'];

/** Exponential back-off with full jitter, up to a minute. */
const BACK_OFF_SECONDS = { base: 0.2, cap: 60 };
const TRIM_ROWS = 1_000;

/**
 * Returns a check whether rows are to be sent now, also ones that another relay has locked: one statement without a lock,
 * where a claim takes a transaction. An idle relay asks it every second.
 */
export function preparePendingCheck(database: Database, destination: Destination): () => Promise<boolean> {
  const pending = database
    .select({ id: outbox.id })
    .from(outbox, { forceIndex: 'outbox_pending' })
    .where(
      and(isNull(outbox.sentAt), eq(outbox.destination, destination), lte(outbox.availableAt, DATABASE_NOW)),
    )
    .limit(1)
    .prepare();
  return async () => (await pending.execute()).length > 0;
}

/**
 * Locks the next unsent rows that no other relay has locked, and returns those that may be sent now, in order and by
 * aggregate. A row is held back while an earlier one of its aggregate is locked by another relay or waits for its next
 * attempt. Requires READ COMMITTED: otherwise the lock covers the gap that new rows are inserted into.
 */
export async function claimRows(
  transaction: Transaction,
  destination: Destination,
  limit: number,
): Promise<{ claimed: number; aggregates: OutboxRow[][] }> {
  const rows = await transaction
    .select()
    .from(outbox, { forceIndex: 'outbox_pending' })
    .where(
      and(isNull(outbox.sentAt), eq(outbox.destination, destination), lte(outbox.availableAt, DATABASE_NOW)),
    )
    .orderBy(outbox.id)
    .limit(limit)
    .for('update', { skipLocked: true });
  const aggregates = Map.groupBy(rows, aggregateOf);
  for (const blocker of await blockersOf(transaction, destination, rows)) {
    const blocked = aggregates.get(aggregateOf(blocker))?.filter((row) => row.id > blocker.id) ?? [];
    if (blocked.length === 0) continue;
    aggregates.set(
      aggregateOf(blocker),
      (aggregates.get(aggregateOf(blocker)) ?? []).filter((row) => row.id < blocker.id),
    );
    if (blocker.waiting) await postpone(transaction, blocked, blocker.availableAt);
  }
  return {
    claimed: rows.length,
    aggregates: [...aggregates.values()].filter((sendable) => sendable.length > 0),
  };
}

const aggregateOf = (row: { aggregateType: string; aggregateId: string }) =>
  `${row.aggregateType} ${row.aggregateId}`;

/** The first unsent row of each aggregate that precedes the last claimed row and is not claimed itself. */
async function blockersOf(transaction: Transaction, destination: Destination, rows: readonly OutboxRow[]) {
  const last = rows.at(-1);
  if (last === undefined) return [];
  const ids = rows.map((row) => row.id);
  return transaction
    .select({
      aggregateType: outbox.aggregateType,
      aggregateId: outbox.aggregateId,
      id: sql<number>`min(${outbox.id})`.mapWith(outbox.id),
      availableAt: sql<Date>`max(${outbox.availableAt})`.mapWith(outbox.availableAt),
      waiting: sql<boolean>`max(${outbox.availableAt}) > ${DATABASE_NOW}`.mapWith(Boolean),
    })
    .from(outbox, { forceIndex: 'outbox_pending' })
    .where(
      and(
        isNull(outbox.sentAt),
        eq(outbox.destination, destination),
        lt(outbox.id, last.id),
        notInArray(outbox.id, ids),
      ),
    )
    .groupBy(outbox.aggregateType, outbox.aggregateId);
}

/** Postpones rows behind a waiting one: otherwise they would be claimed repeatedly and crowd out others. */
async function postpone(
  transaction: Transaction,
  rows: readonly OutboxRow[],
  availableAt: Date,
): Promise<void> {
  await transaction
    .update(outbox)
    .set({ availableAt })
    .where(
      inArray(
        outbox.id,
        rows.map((row) => row.id),
      ),
    );
}

/** Marks rows that the broker has confirmed, and erases their payloads: a copy of what people wrote must not outlive them. */
export async function markSent(transaction: Transaction, ids: readonly number[]): Promise<void> {
  if (ids.length === 0) return;
  await transaction
    .update(outbox)
    .set({
      sentAt: DATABASE_NOW,
      attempts: sql`${outbox.attempts} + 1`,
      lastError: null,
      payload: '',
    })
    .where(inArray(outbox.id, [...ids]));
}

export interface FailedRow {
  readonly id: number;
  readonly error: string;
  /** The broker has refused it, and will until an operator has done something about it. */
  readonly isRefused: boolean;
}

/** The last error of a refused row begins like this: for metrics and operators. */
export const REFUSED = 'refused: ';

/** Records a failed attempt: the error and the time of the next attempt. The rows remain pending. */
export async function markFailed(transaction: Transaction, failures: readonly FailedRow[]): Promise<void> {
  const { base, cap } = BACK_OFF_SECONDS;
  const waitSeconds = sql`rand() * least(${cap}, ${base} * pow(2, least(${outbox.attempts}, 20)))`;
  for (const [error, failed] of Map.groupBy(failures, errorOf))
    await transaction
      .update(outbox)
      .set({
        availableAt: sql`${DATABASE_NOW} + interval floor(1000000 * ${waitSeconds}) microsecond`,
        attempts: sql`${outbox.attempts} + 1`,
        lastError: error.slice(0, 500),
      })
      .where(
        inArray(
          outbox.id,
          failed.map((failure) => failure.id),
        ),
      );
}

const errorOf = ({ error, isRefused }: FailedRow) => (isRefused ? REFUSED + error : error);

/** Deletes rows sent more than `hours` ago, a thousand at a time. */
export async function trimSent(database: Database, hours: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const [result] = await database
      .delete(outbox)
      .where(lt(outbox.sentAt, sql`${DATABASE_NOW} - interval ${hours} hour`))
      .limit(TRIM_ROWS);
    if (result.affectedRows < TRIM_ROWS) return;
  }
}

/** The number of unsent rows, of refused ones among them, and the age of the oldest in seconds. */
export async function measurePending(
  database: Database,
  destination: Destination,
): Promise<{ rows: number; refused: number; oldestSeconds: number }> {
  const pending = and(isNull(outbox.sentAt), eq(outbox.destination, destination));
  const [counted] = await database
    .select({
      rows: sql<number>`count(*)`.mapWith(Number),
      refused: sql<number>`count(if(${outbox.lastError} like ${`${REFUSED}%`}, 1, null))`.mapWith(Number),
    })
    .from(outbox)
    .where(pending);
  const [oldest] = await database
    .select({
      seconds:
        sql<number>`timestampdiff(microsecond, ${outbox.createdAt}, ${DATABASE_NOW}) / 1000000`.mapWith(
          Number,
        ),
    })
    .from(outbox)
    .where(pending)
    .orderBy(outbox.id)
    .limit(1);
  return { rows: counted?.rows ?? 0, refused: counted?.refused ?? 0, oldestSeconds: oldest?.seconds ?? 0 };
}
