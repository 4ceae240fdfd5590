import { afterAll, beforeAll, expect, test } from 'bun:test';
import type { Pool, RowDataPacket } from 'mysql2/promise';
import { createMysqlPool } from '#kit/mysql/database';
import { servicesWithDatabase } from '../../scripts/databases';
import { SHARD_KEYS, shardingOf } from '../../scripts/deployment/vitess/shard-keys';
import { sharedSystem } from '../support/shared-system';
import { copyFilled } from './filled-copy';
import { type LoggedStatement, startQueryLog } from './query-log';
import { BACKFILL, SCATTERED, SMALL } from './scattered';
import { shapeOf, tablesIn } from './statement';
import { doHotUseCases } from './story';

const START_MS = 240_000;
const TEST_MS = 240_000;
const ROUNDS = 3;
const STATEMENT = /^\s*\(?\s*(?:select|insert|update|delete|replace|with)\b/i;

interface Statement {
  readonly service: string;
  readonly database: string;
  readonly text: string;
  readonly shape: string;
}

let pool: Pool;
let url: string;
/** The statements of each time that the use cases were done. */
const rounds: Statement[][] = [];

beforeAll(async () => {
  const system = await sharedSystem();
  url = system.url;
  const { DB_HOST, DB_PORT, DB_USER, DB_PASSWORD } = system.stack.environment;
  pool = createMysqlPool(
    {
      ...{ host: String(DB_HOST), port: Number(DB_PORT), database: '' },
      ...{ user: String(DB_USER), password: String(DB_PASSWORD) },
    },
    2,
  );
  await statementsOf(0);
}, START_MS);
afterAll(() => pool?.end());

async function statementsOf(round: number): Promise<readonly Statement[]> {
  const known = rounds[round];
  if (known !== undefined) return known;
  const log = await startQueryLog(pool);
  let logged: LoggedStatement[] = [];
  try {
    await doHotUseCases(url, `plan${round}`);
  } finally {
    logged = await log.stop();
  }
  const statements = distinct(logged);
  rounds[round] = statements;
  return statements;
}

/** What is found in the statements of every round: jobs in the background send theirs now and then. */
async function foundAlways(
  find: (statements: readonly Statement[]) => Promise<string[]> | string[],
): Promise<string[]> {
  let found: string[] | undefined;
  for (let round = 0; round < ROUNDS && found?.length !== 0; round++) {
    const inRound: string[] = await find(await statementsOf(round));
    found = found?.filter((one) => inRound.includes(one)) ?? inRound;
  }
  return found ?? [];
}

const serviceOf = (database: string) => database.replace(/^(?:microblog|rookery)_/, '').replaceAll('_', '-');

function distinct(logged: readonly LoggedStatement[]): Statement[] {
  const services = new Set(servicesWithDatabase().map(({ name }) => name));
  const found = new Map<string, Statement>();
  for (const { database, text } of logged) {
    const service = serviceOf(database);
    if (!services.has(service) || !STATEMENT.test(text)) continue;
    const shape = shapeOf(text);
    if (tablesIn(shape).length > 0) found.set(`${service} ${shape}`, { service, database, text, shape });
  }
  return [...found.values()];
}

const isSmall = (service: string, table: string) => SMALL.has(table) || SMALL.has(`${service}.${table}`);

const isScattered = (service: string, table: string, shape: string) =>
  SCATTERED.some(
    (one) => (one.service ?? service) === service && one.table === table && one.shape.test(shape),
  );

test('the hot use cases have been logged', async () => {
  const statements = await statementsOf(0);
  const has = (service: string, shape: RegExp) =>
    expect(
      statements.some((one) => one.service === service && shape.test(one.shape)),
      String(shape),
    ).toBe(true);
  has('timelines', /^insert into `posts`/);
  has('users', /^insert into `follows`/);
  has('auth', /^insert into `sessions`/);
  has('notifications', /^insert into `notification_actors`/);
  has('payments', /^update `payments`/);
  has('accounts', /^insert into `entries`/);
  has('chat', /^insert into `messages`/);
});

test('every table has a shard key, or is declared not to be sharded', async () => {
  const [rows] = await pool.query<RowDataPacket[]>(
    `select table_schema as \`database\`, table_name as name from information_schema.tables
      where table_schema like 'microblog\\_%' or table_schema like 'rookery\\_%'`,
  );
  const existing = rows.map(({ database, name }) => ({ service: serviceOf(database), table: String(name) }));
  const undecided = existing.filter(({ service, table }) => shardingOf(service, table) === undefined);
  // Decide in scripts/deployment/vitess/shard-keys.ts, then `make deployment`.
  expect(undecided).toEqual([]);
  const has = (service: string, table: string) =>
    existing.some((one) => one.service === service && one.table === table);
  const gone = Object.entries(SHARD_KEYS).flatMap(([service, keys]) =>
    Object.keys(keys).filter((table) => !has(service, table)),
  );
  expect(gone).toEqual([]);
});

test(
  'every hot statement names the shard key of each of its tables, or a column that leads to it',
  async () => {
    const unnamed = await foundAlways((statements) =>
      statements.flatMap(({ service, shape }) =>
        tablesIn(shape).flatMap(({ table, columns }) => {
          const sharding = shardingOf(service, table);
          if (typeof sharding !== 'object' || isScattered(service, table, shape)) return [];
          const leading = [sharding.by, ...(sharding.found ?? []).map(({ column }) => column)];
          return leading.some((column) => columns.has(column)) ? [] : `${service}.${table}: ${shape}`;
        }),
      ),
    );
    expect(unnamed).toEqual([]);
  },
  TEST_MS,
);

test(
  'every hot statement is answered from an index when tables are full',
  async () => {
    const scans = await foundAlways(async (statements) => {
      const found: string[] = [];
      for (const [database, ofDatabase] of Map.groupBy(statements, (one) => one.database))
        found.push(...(await scansIn(database, ofDatabase)));
      return found;
    });
    expect(scans).toEqual([]);
  },
  TEST_MS,
);

/** The statements that would read a whole table, by the optimizer's plan for a filled copy of the database. */
async function scansIn(database: string, ofDatabase: readonly Statement[]): Promise<string[]> {
  const copy = `plans_${database}`;
  const tables = new Set(ofDatabase.flatMap(({ shape }) => tablesIn(shape).map(({ table }) => table)));
  const connection = await pool.getConnection();
  try {
    await copyFilled(pool, database, { tables, copy });
    await connection.query('use ??', [copy]);
    const scans: string[] = [];
    for (const { service, text, shape } of ofDatabase) {
      if (/^insert (?!.*\bselect\b)/i.test(shape) || BACKFILL.test(shape)) continue;
      const [plan] = await connection.query<RowDataPacket[]>(`explain ${text}`);
      for (const { table, type } of plan)
        if (['ALL', 'index'].includes(type) && tables.has(table) && !isSmall(service, table))
          scans.push(`${service}.${table}: ${shape}`);
    }
    return scans;
  } finally {
    await pool.query('drop database if exists ??', [copy]);
    connection.release();
  }
}
