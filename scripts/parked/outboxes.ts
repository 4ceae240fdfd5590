import { and, isNull, like, type SQL, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/mysql2';
import { REFUSED } from '#kit/messaging/outbox-claim';
import { outbox } from '#kit/messaging/tables';
import type { MysqlAddress } from '#kit/mysql/address';
import { createMysqlPool, type Database } from '#kit/mysql/database';
import { MAX_SHOWN, type ParkedQueue } from './parked-message';

/** Lists the outbox rows that their broker refuses, which waits for an operator: a right or an exchange is missing. */
export async function listRefusedRows(
  services: readonly { readonly name: string; readonly address: MysqlAddress }[],
): Promise<ParkedQueue[]> {
  const queues: ParkedQueue[] = [];
  for (const { name, address } of services) {
    const pool = createMysqlPool(address, 1);
    try {
      const queue = await refusedIn(drizzle(pool), name);
      if (queue.count > 0) queues.push(queue);
    } finally {
      await pool.end();
    }
  }
  return queues;
}

async function refusedIn(database: Database, service: string): Promise<ParkedQueue> {
  const name = `${service}, not sent`;
  if (!(await hasOutbox(database))) return { name, broker: 'outbox', count: 0, shown: [] };
  const refused: SQL | undefined = and(isNull(outbox.sentAt), like(outbox.lastError, `${REFUSED}%`));
  const rows = await database
    .select({ id: outbox.messageId, name: outbox.name, error: outbox.lastError, createdAt: outbox.createdAt })
    .from(outbox)
    .where(refused)
    .orderBy(outbox.id)
    .limit(MAX_SHOWN);
  return {
    name,
    broker: 'outbox',
    count: await database.$count(outbox, refused),
    shown: rows.map((row) => ({
      id: row.id,
      name: row.name,
      reason: row.error ?? '',
      parkedAt: row.createdAt.toISOString(),
    })),
    note: 'They are retried at least every minute, and sent once the broker accepts them',
  };
}

/** A service without messages of its own has none, and one that has never run has no tables. */
async function hasOutbox(database: Database): Promise<boolean> {
  const rows = await database
    .select({ name: sql<string>`table_name` })
    .from(sql`information_schema.tables`)
    .where(sql`table_schema = database() and table_name = 'outbox'`);
  return rows.length > 0;
}
