import { sql } from 'drizzle-orm';
import { customType, datetime } from 'drizzle-orm/mysql-core';

/** A UUID: 16 bytes in the table, text in code. */
export const uuid = customType<{ data: string; driverData: Buffer }>({
  dataType: () => 'binary(16)',
  toDriver: (text) => Buffer.from(text.replaceAll('-', ''), 'hex'),
  fromDriver: (bytes) => {
    const hex = bytes.toString('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  },
});

/** A time-ordered id (`kit/core/ids`): 8 bytes in the table, text in code. */
export const timeOrderedId = customType<{ data: string; driverData: number | string }>({
  dataType: () => 'bigint unsigned',
  toDriver: (id) => id,
  fromDriver: (value) => String(value),
});

/**
 * A canonical key of `kit/text/identity`: compared byte by byte, so that the database's idea of "equal" is the code's.
 * Keys are trimmed, as this collation ignores trailing blanks.
 *
 * @param length code points
 */
export const exactText = (name: string, length: number) =>
  customType<{ data: string }>({
    dataType: () => `varchar(${length}) character set utf8mb4 collate utf8mb4_bin`,
  })(name);

/** A point in time in UTC with millisecond precision. */
export const moment = (name: string) => datetime(name, { mode: 'date', fsp: 3 });

/**
 * JSON, parsed when read. MariaDB stores JSON as text and, unlike with MySQL, the driver then returns the text
 * (sidorares/node-mysql2#1287).
 */
export const json = <Value>(name: string) =>
  customType<{ data: Value; driverData: string }>({
    dataType: () => 'json',
    toDriver: (value) => JSON.stringify(value),
    fromDriver: (value) => (typeof value === 'string' ? JSON.parse(value) : value) as Value,
  })(name);

/** The clock of the database server in UTC, for times that several instances compare. */
export const DATABASE_NOW = sql`utc_timestamp(3)`;
