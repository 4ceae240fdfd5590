import { and, eq, inArray, isNull, lt, lte, notInArray, sql } from 'drizzle-orm';
import { uuidv7 } from '../core/ids';
import { DATABASE_NOW } from '../mysql/columns';
import { type Database, repeatStatement } from '../mysql/database';
import { isContended } from '../mysql/failures';
import { outbox } from './tables';

export type OutboxRow = typeof outbox.$inferSelect;
export type Destination = OutboxRow['destination'];

/** Exponential back-off with full jitter, up to a minute. */
const BACK_OFF_SECONDS = { base: 0.2, cap: 60 };
const TRIM_ROWS = 1_000;

/**
 * How long a claimed row belongs to its relay, by the clock of the database: as long as sending may take, with confirmations
 * and statements. The rows of a relay that died are sent by another afterwards.
 */
const CLAIM_SECONDS = 10;

/** Rows that a relay has claimed, in order and by aggregate. */
export interface Claim {
  readonly id: string;
  readonly aggregates: readonly (readonly OutboxRow[])[];
  /** How many rows were due; others have claimed, or hold back, those that are not in the claim. */
  readonly due: number;
}

/**
 * Returns a function that claims the next unsent rows which are due, at most `limit`; null when there are none, after a
 * single statement without a lock.
 *
 * A claim is a compare-and-set of each row, and committed before anything is sent: of two relays that try at once, also at
 * two nodes of a Galera cluster, the rows' locks or certification refuse one. A row is held back while an earlier one of its
 * aggregate is claimed by another relay, or waits for its next attempt.
 */
export function prepareClaim(
  database: Database,
  destination: Destination,
  limit: number,
): () => Promise<Claim | null> {
  const due = database
    .select()
    .from(outbox, { forceIndex: 'outbox_pending' })
    .where(
      and(isNull(outbox.sentAt), eq(outbox.destination, destination), lte(outbox.availableAt, DATABASE_NOW)),
    )
    .orderBy(outbox.id)
    .limit(limit)
    .prepare();
  return async () => {
    const rows = await due.execute();
    if (rows.length === 0) return null;
    const sendable = await withoutBlocked(database, destination, rows);
    const id = uuidv7();
    return { id, due: rows.length, aggregates: await claimed(database, id, sendable) };
  };
}

const aggregateOf = (row: { aggregateType: string; aggregateId: string }) =>
  `${row.aggregateType} ${row.aggregateId}`;

async function withoutBlocked(database: Database, destination: Destination, rows: readonly OutboxRow[]) {
  const aggregates = Map.groupBy(rows, aggregateOf);
  for (const blocker of await blockersOf(database, destination, rows)) {
    const all = aggregates.get(aggregateOf(blocker)) ?? [];
    const blocked = all.filter((row) => row.id > blocker.id);
    if (blocked.length === 0) continue;
    aggregates.set(
      aggregateOf(blocker),
      all.filter((row) => row.id < blocker.id),
    );
    if (blocker.waiting) await postpone(database, blocked, blocker.availableAt);
  }
  return [...aggregates.values()].filter((sendable) => sendable.length > 0);
}

/**
 * The first unsent row of each aggregate that precedes the last due row and is not due itself. Whether there is one can only
 * change to no meanwhile: the rows of an aggregate are committed in their order.
 */
async function blockersOf(database: Database, destination: Destination, rows: readonly OutboxRow[]) {
  const last = rows.at(-1);
  if (last === undefined) return [];
  const ids = rows.map((row) => row.id);
  const waitingUntil = sql`max(if(${outbox.claimedBy} is null, ${outbox.availableAt}, null))`;
  return database
    .select({
      aggregateType: outbox.aggregateType,
      aggregateId: outbox.aggregateId,
      id: sql<number>`min(${outbox.id})`.mapWith(outbox.id),
      availableAt: sql<Date>`${waitingUntil}`.mapWith(outbox.availableAt),
      /** Not those that are being sent. */
      waiting: sql<boolean>`ifnull(${waitingUntil} > ${DATABASE_NOW}, false)`.mapWith(Boolean),
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

/** Postpones rows behind a waiting one: otherwise they would be due again and again, and crowd out others. */
async function postpone(database: Database, rows: readonly OutboxRow[], availableAt: Date): Promise<void> {
  await database
    .update(outbox)
    .set({ availableAt })
    .where(and(inArray(outbox.id, idsOf(rows)), isDue()));
}

/** The rows that were claimed, of each aggregate those before the first that another relay was faster to claim. */
async function claimed(
  database: Database,
  claimId: string,
  aggregates: readonly OutboxRow[][],
): Promise<OutboxRow[][]> {
  const rows = aggregates.flat();
  if (rows.length === 0) return [];
  if ((await compareAndSet(database, claimId, idsOf(rows))) === rows.length) return [...aggregates];
  const own = new Set(
    (
      await database
        .select({ id: outbox.id })
        .from(outbox)
        .where(and(inArray(outbox.id, idsOf(rows)), eq(outbox.claimedBy, claimId)))
    ).map(({ id }) => id),
  );
  const kept = aggregates.map((all) => {
    const first = all.findIndex(({ id }) => !own.has(id));
    return first === -1 ? all : all.slice(0, first);
  });
  const keptIds = new Set(idsOf(kept.flat()));
  await releaseRows(
    database,
    claimId,
    [...own].filter((id) => !keptIds.has(id)),
  );
  return kept.filter((all) => all.length > 0);
}

/** By the primary key: another index would lock the rows in between. @returns how many rows were claimed */
async function compareAndSet(database: Database, claimId: string, ids: number[]): Promise<number> {
  try {
    const [result] = await database.execute(sql`
      update ${outbox} force index (primary)
      set available_at = ${DATABASE_NOW} + interval ${CLAIM_SECONDS} second,
        claimed_by = ${outbox.claimedBy.mapToDriverValue(claimId)}
      where ${and(inArray(outbox.id, ids), isDue())}`);
    return 'affectedRows' in result ? result.affectedRows : 0;
  } catch (failure) {
    if (isContended(failure)) return 0;
    throw failure;
  }
}

const isDue = () => and(isNull(outbox.sentAt), lte(outbox.availableAt, DATABASE_NOW));

const idsOf = (rows: readonly OutboxRow[]) => rows.map(({ id }) => id);

/** Gives up claimed rows that were neither sent nor refused. */
export async function releaseRows(
  database: Database,
  claimId: string,
  ids: readonly number[],
): Promise<void> {
  if (ids.length === 0) return;
  await repeatStatement(() =>
    database
      .update(outbox)
      .set({ availableAt: DATABASE_NOW, claimedBy: null })
      .where(and(inArray(outbox.id, [...ids]), eq(outbox.claimedBy, claimId))),
  );
}

/**
 * Marks rows that the broker has confirmed, whoever has claimed them meanwhile, and erases their payloads: a copy of what people
 * wrote must not outlive them.
 */
export async function markSent(database: Database, ids: readonly number[]): Promise<void> {
  if (ids.length === 0) return;
  await repeatStatement(() =>
    database
      .update(outbox)
      .set({
        sentAt: DATABASE_NOW,
        attempts: sql`${outbox.attempts} + 1`,
        lastError: null,
        payload: '',
        claimedBy: null,
      })
      .where(and(inArray(outbox.id, [...ids]), isNull(outbox.sentAt))),
  );
}

export interface FailedRow {
  readonly id: number;
  readonly error: string;
  /** The broker has refused it, and will until an operator has done something about it. */
  readonly isRefused: boolean;
}

/** The last error of a refused row begins like this: for metrics and operators. */
export const REFUSED = 'refused: ';

/**
 * Records a failed attempt of rows of a claim: the error and the time of the next attempt. The rows remain pending.
 */
export async function markFailed(
  database: Database,
  claimId: string,
  failures: readonly FailedRow[],
): Promise<void> {
  const { base, cap } = BACK_OFF_SECONDS;
  const waitSeconds = sql`rand() * least(${cap}, ${base} * pow(2, least(${outbox.attempts}, 20)))`;
  for (const [error, failed] of Map.groupBy(failures, errorOf)) {
    const ids = failed.map((failure) => failure.id);
    await repeatStatement(() =>
      database
        .update(outbox)
        .set({
          availableAt: sql`${DATABASE_NOW} + interval floor(1000000 * ${waitSeconds}) microsecond`,
          attempts: sql`${outbox.attempts} + 1`,
          lastError: error.slice(0, 500),
          claimedBy: null,
        })
        .where(and(inArray(outbox.id, ids), eq(outbox.claimedBy, claimId))),
    );
  }
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
