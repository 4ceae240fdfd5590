import type { Connection, Pool, RowDataPacket } from 'mysql2/promise';
import type { Invariant } from './invariants';

/** Enough to look into; the rest is counted. */
const SHOWN_ROWS = 10;

export interface Finding {
  readonly promise: string;
  /** The first of what was found. */
  readonly rows: readonly string[];
  readonly count: number;
}

/**
 * Looks for violations in one database, all queries seeing the same moment: a running system is audited as a still one.
 *
 * @returns what was found; nothing when all is well
 */
export async function findViolations(pool: Pool, invariants: readonly Invariant[]): Promise<Finding[]> {
  const connection = await pool.getConnection();
  try {
    await connection.query('set transaction isolation level repeatable read');
    await connection.query('start transaction with consistent snapshot, read only');
    const findings: Finding[] = [];
    for (const { promise, violations } of invariants) {
      const rows = await rowsOf(connection, violations);
      if (rows.length > 0)
        findings.push({
          promise,
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

async function rowsOf(connection: Connection, statement: string): Promise<RowDataPacket[]> {
  const [rows] = await connection.query<RowDataPacket[]>(statement);
  return rows;
}
