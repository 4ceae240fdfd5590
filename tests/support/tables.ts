import { generateMySQLDrizzleJson, generateMySQLMigration } from 'drizzle-kit/api';
import { sql } from 'drizzle-orm';
import type { Database } from '#kit/mysql/database';

/** Creates tables as drizzle-kit would migrate them, so that they match the schema. */
export async function createTables(database: Database, tables: Record<string, unknown>): Promise<void> {
  const statements = await generateMySQLMigration(
    await generateMySQLDrizzleJson({}),
    await generateMySQLDrizzleJson(tables),
  );
  for (const statement of statements) await database.execute(sql.raw(statement));
}
