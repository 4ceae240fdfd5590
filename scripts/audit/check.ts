import type { Connection, Pool, RowDataPacket } from 'mysql2/promise';
import type { Invariant } from './invariants';

/** Violations listed of each invariant; the rest is only counted. */
const SHOWN_ROWS = 10;

export interface Finding {
  readonly invariant: string;
  /** The first violations. */
  readonly rows: readonly string[];
  readonly count: number;
}

/**
 * Finds violations in one database in a consistent snapshot, so that a running system can be audited.
 *
 * @returns the violations; empty when all invariants hold
 */
export async function findViolations(pool: Pool, invariants: readonly Invariant[]): Promise<Finding[]> {
  const connection = await pool.getConnection();
  try {
    await connection.query('set transaction isolation level repeatable read');
    await connection.query('start transaction with consistent snapshot, read only');
    const findings: Finding[] = [];
    for (const { statement, violations } of invariants) {
      const rows = await rowsOf(connection, violations);
      if (rows.length > 0)
        findings.push({
          invariant: statement,
          rows: rows.slice(0, SHOWN_ROWS).map((row) => JSON.stringify(row)),
          count: rows.length,
        });
    }
    await connection.query('rollback');
    return findings;
  } finally {
    connection.release();
  }
}

async function rowsOf(connection: Connection, query: string): Promise<RowDataPacket[]> {
  const [rows] = await connection.query<RowDataPacket[]>(query);
  return rows;
}
