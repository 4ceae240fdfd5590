import { sql } from 'drizzle-orm';
import { customType, datetime } from 'drizzle-orm/mysql-core';

/** A UUID as 16 bytes in the table and as text in the code. */
export const uuid = customType<{ data: string; driverData: Buffer }>({
  dataType: () => 'binary(16)',
  toDriver: (text) => Buffer.from(text.replaceAll('-', ''), 'hex'),
  fromDriver: (bytes) => {
    const hex = bytes.toString('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  },
});

/** A time-ordered id (`kit/core/ids`) as 8 bytes in the table and as text in the code. */
export const timeOrderedId = customType<{ data: string; driverData: number | string }>({
  dataType: () => 'bigint unsigned',
  toDriver: (id) => id,
  fromDriver: (value) => String(value),
});

/** A moment in UTC, exact to the millisecond. */
export const moment = (name: string) => datetime(name, { mode: 'date', fsp: 3 });

/**
 * JSON that arrives parsed. MariaDB stores JSON as text and, unlike MySQL, the driver then hands out the text
 * (sidorares/node-mysql2#1287).
 */
export const json = <Value>(name: string) =>
  customType<{ data: Value; driverData: string }>({
    dataType: () => 'json',
    toDriver: (value) => JSON.stringify(value),
    fromDriver: (value) => (typeof value === 'string' ? JSON.parse(value) : value) as Value,
  })(name);

/** The database server's clock in UTC, for times that several instances compare. */
export const DATABASE_NOW = sql`utc_timestamp(3)`;
