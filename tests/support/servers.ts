import { randomBytes } from 'node:crypto';
import { drizzle } from 'drizzle-orm/mysql2';
import { pino } from 'pino';
import { authorityOf } from '#kit/core/address';
import { createRuntime, type Runtime } from '#kit/core/runtime';
import type { MysqlAddress } from '#kit/mysql/address';
import { createMysqlPool, type Database } from '#kit/mysql/database';

/** A server's variable, set by the test runner. Missing infrastructure fails a test; it never skips it. */
export function serverVariable(name: string): string {
  const value = process.env[name];
  if (!value)
    throw new Error(`${name} is not set: run the tests through "make test", which starts the servers`);
  return value;
}

export const amqpUrl = (): string => serverVariable('AMQP_URL');

export const beanstalkdAddress = () => ({
  host: serverVariable('BEANSTALKD_HOST'),
  port: Number(serverVariable('BEANSTALKD_PORT')),
});

/** A unique name for queues, tubes and databases on servers that all tests share. */
export const uniqueName = (prefix: string): string => `${prefix}-${randomBytes(5).toString('hex')}`;

/** A runtime for tests, silent unless `TEST_LOG_LEVEL` is set. The caller closes it. */
export const testRuntime = (name: string): Runtime =>
  createRuntime({
    name,
    version: 'test',
    log: pino({ name, level: process.env.TEST_LOG_LEVEL ?? 'silent' }),
    checksJsonText: true,
  });

/** The database server, without a database. */
export const mysqlAddress = () => ({
  host: serverVariable('DB_HOST'),
  port: Number(serverVariable('DB_PORT')),
  user: serverVariable('DB_USER'),
  password: process.env.DB_PASSWORD ?? '',
});

/** Creates a database for a test file. `drop` removes it and closes its connections. */
export async function testDatabase(): Promise<{
  address: MysqlAddress;
  url: string;
  database: Database;
  drop: () => Promise<void>;
}> {
  const address = mysqlAddress();
  const name = uniqueName('test').replace('-', '_');
  const server = createMysqlPool({ ...address, database: '' }, 1);
  await server.query(`create database ${name} character set utf8mb4 collate utf8mb4_unicode_520_ci`);
  const pool = createMysqlPool({ ...address, database: name }, 10);
  const { host, port, user, password } = address;
  return {
    address: { ...address, database: name },
    url: `mysql://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${authorityOf(host, port)}/${name}`,
    database: drizzle(pool),
    async drop() {
      await pool.end();
      await server.query(`drop database if exists ${name}`);
      await server.end();
    },
  };
}
