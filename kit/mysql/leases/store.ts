import { and, eq, isNull, like, lte, or, sql } from 'drizzle-orm';
import { bigint, mysqlTable, varchar } from 'drizzle-orm/mysql-core';
import { DATABASE_NOW, moment } from '../columns';
import type { Executor } from '../database';
import { errorNumber, isContended } from '../failures';

/**
 * Who holds what, one row a name. It exists before the migrations of a database, which hold a lease themselves, so no
 * service's schema has it.
 */
const leases = mysqlTable('leases', {
  name: varchar('name', { length: 64 }).primaryKey(),
  /** For operators: a process and its machine. */
  holder: varchar('holder', { length: 200 }).notNull(),
  /** Fencing token: grows with each change of the holder. */
  token: bigint('token', { mode: 'number', unsigned: true }).notNull(),
  /** What the next holder must stay above; for id makers, milliseconds since 1970. */
  mark: bigint('mark', { mode: 'number', unsigned: true }).notNull(),
  /** By the clock of the database; null once released. */
  expiresAt: moment('expires_at'),
});

const CREATE_TABLE = sql`create table if not exists ${leases} (
  name varchar(64) character set ascii collate ascii_bin primary key,
  holder varchar(200) character set utf8mb4 not null,
  token bigint unsigned not null,
  mark bigint unsigned not null,
  expires_at datetime(3)
)`;

/** A lease as its holder knows it. The name and the token are compared with each write. */
export interface LeaseGrant {
  readonly name: string;
  readonly token: number;
}

export interface LeaseRow extends LeaseGrant {
  readonly mark: number;
  /** Nobody holds it, or its holder has not renewed it in time. */
  readonly isFree: boolean;
}

export interface LeaseTerms {
  readonly holder: string;
  /** From now, by the clock of the database. */
  readonly leaseMs: number;
  /** The mark is raised to this, never lowered. */
  readonly mark?: number;
}

/** ER_NO_SUCH_TABLE. */
const NO_SUCH_TABLE = 1146;

/** The leases whose names begin with a prefix; names without a row have never been held. */
export async function listLeases(executor: Executor, prefix: string): Promise<LeaseRow[]> {
  await createTableOnce(executor);
  const { name, token, mark } = leases;
  return executor
    .select({ name, token, mark, isFree: isFree().mapWith(Boolean) })
    .from(leases)
    .where(like(name, `${prefix}%`));
}

/**
 * Acquires a lease that is free, by compare-and-set: of two that try at once, also on two nodes of a Galera cluster, the row's
 * lock or certification refuses one.
 *
 * @param seen the row that the decision was made on; undefined when there was none
 * @returns null when another was faster
 */
export async function acquireLease(
  executor: Executor,
  seen: LeaseRow | { readonly name: string },
  terms: LeaseTerms,
): Promise<LeaseGrant | null> {
  const { name } = seen;
  const { token, mark } = 'token' in seen ? seen : { token: 0, mark: 0 };
  try {
    if (!('token' in seen))
      await executor.insert(leases).ignore().values({ name, holder: '', token, mark, expiresAt: null });
    const [result] = await executor
      .update(leases)
      .set({ ...written(terms), token: sql`${leases.token} + 1` })
      .where(and(eq(leases.name, name), eq(leases.token, token), eq(leases.mark, mark), isFree()));
    return result.affectedRows === 1 ? { name, token: token + 1 } : null;
  } catch (failure) {
    if (isContended(failure)) return null;
    throw failure;
  }
}

/** Prolongs a lease. @returns false when another holds it */
export async function renewLease(
  executor: Executor,
  { name, token }: LeaseGrant,
  terms: LeaseTerms,
): Promise<boolean> {
  const [result] = await executor
    .update(leases)
    .set(written(terms))
    .where(and(eq(leases.name, name), eq(leases.token, token)));
  return result.affectedRows === 1;
}

/**
 * Releases a lease, unless another holds it: it is free at once.
 *
 * @param mark replaces the mark, which may have been further ahead
 */
export async function releaseLease(
  executor: Executor,
  { name, token }: LeaseGrant,
  mark?: number,
): Promise<void> {
  await executor
    .update(leases)
    .set({ expiresAt: null, ...(mark !== undefined && { mark }) })
    .where(and(eq(leases.name, name), eq(leases.token, token)));
}

const isFree = () => sql`(${or(isNull(leases.expiresAt), lte(leases.expiresAt, DATABASE_NOW))})`;

const written = ({ holder, leaseMs, mark = 0 }: LeaseTerms) => ({
  holder: holder.slice(0, 200),
  mark: sql`greatest(${leases.mark}, ${mark})`,
  expiresAt: sql`${DATABASE_NOW} + interval ${leaseMs * 1000} microsecond`,
});

/** Asks first: on a Galera cluster even a DDL statement without an effect stops all nodes for a moment. */
async function createTableOnce(executor: Executor): Promise<void> {
  try {
    await executor.select({ name: leases.name }).from(leases).limit(0);
  } catch (failure) {
    if (errorNumber(failure) !== NO_SUCH_TABLE) throw failure;
    await executor.execute(CREATE_TABLE);
  }
}
