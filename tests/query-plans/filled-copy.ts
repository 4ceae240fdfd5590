import type { Pool, RowDataPacket } from 'mysql2/promise';

/** Enough for the optimizer to prefer an index to a scan. */
const ROWS = 1_000;
/** Just below 2^53. */
const LARGEST_ID = 9_000_000_000_000_000;

interface Column {
  readonly name: string;
  readonly data: string;
  readonly type: string;
  readonly characters: number | null;
  readonly nullable: boolean;
}

/**
 * Copies tables with their rows into a new database, and adds rows of random values: plans of nearly empty tables say
 * nothing.
 *
 * @param copy the name of the new database
 */
export async function copyFilled(
  pool: Pool,
  database: string,
  { tables, copy }: { tables: Iterable<string>; copy: string },
): Promise<void> {
  await pool.query('create database ??', [copy]);
  for (const table of tables) {
    const [from, to] = [`\`${database}\`.\`${table}\``, `\`${copy}\`.\`${table}\``];
    const columns = await columnsOf(pool, database, table);
    const names = columns.map(({ name }) => `\`${name}\``).join();
    await pool.query(`create table ${to} like ${from}`);
    await pool.query(`insert into ${to} (${names}) select ${names} from ${from}`);
    await pool.query(
      `insert ignore into ${to} (${names}) select ${columns.map(randomValue).join()} from \`${copy}\`.seq_1_to_${ROWS}`,
    );
    await pool.query(`analyze table ${to}`);
  }
}

async function columnsOf(pool: Pool, database: string, table: string): Promise<Column[]> {
  const [rows] = await pool.query<RowDataPacket[]>(
    `select column_name as name, data_type as data, column_type as type, character_maximum_length as characters,
       is_nullable as nullable
     from information_schema.columns
     where table_schema = ? and table_name = ? and is_generated = 'NEVER' order by ordinal_position`,
    [database, table],
  );
  return rows.map(({ name, data, type, characters, nullable }) => ({
    ...{ name, data, type, nullable: nullable === 'YES' },
    characters: characters === null ? null : Number(characters),
  }));
}

/** An expression for a random value of a column. */
function randomValue(column: Column): string {
  const value = presentValue(column);
  return column.nullable ? `if(rand() < 0.5, null, ${value})` : value;
}

function presentValue({ data, type, characters }: Column): string {
  switch (data) {
    case 'binary':
      return `random_bytes(${characters})`;
    case 'bigint':
      return `floor(rand() * ${LARGEST_ID})`;
    case 'int':
      return 'floor(rand() * 1000000000)';
    case 'smallint':
      return 'floor(rand() * 30000)';
    case 'tinyint':
      return 'floor(rand() * 2)';
    case 'enum': {
      const values = type.slice('enum('.length, -1);
      return `elt(1 + floor(rand() * ${values.split(',').length}), ${values})`;
    }
    case 'datetime':
      return 'utc_timestamp(3) - interval floor(rand() * 100000) second';
    case 'date':
      return 'utc_date() - interval floor(rand() * 100) day';
    case 'char':
    case 'varchar':
      return `left(hex(random_bytes(16)), ${characters})`;
    default:
      // JSON is text, and must be valid.
      return "'[]'";
  }
}
