import type { Readable } from 'node:stream';
import { Readable as ReadableStream } from 'node:stream';
import type { Pool, PoolConnection, RowDataPacket } from 'mysql2/promise';
import { authorityOf } from '#kit/core/address';
import type { MysqlAddress } from '#kit/mysql/address';
import { createMysqlPool } from '#kit/mysql/database';
import { systemProgram } from '../../infra/programs';

/** Databases that one user of one server reaches: one connection sees all of them at one moment. */
export interface DatabaseGroup {
  readonly address: MysqlAddress;
  readonly databases: readonly string[];
}

/** The content of a table, independent of the order of its rows. */
export interface TableDigest {
  readonly table: string;
  readonly rows: number;
  readonly digest: string;
}

/** How long the copy waits for transactions to end before it locks the tables; meanwhile new ones wait for it. */
const LOCK_SECONDS = 10;

export function groupsOf(addresses: readonly MysqlAddress[]): DatabaseGroup[] {
  const groups = Map.groupBy(addresses, ({ host, port, user }) => `${user}@${authorityOf(host, port)}`);
  return [...groups.values()].flatMap((group) => {
    const [address] = group;
    return address === undefined ? [] : [{ address, databases: group.map(({ database }) => database) }];
  });
}

/** A group of databases whose tables nobody writes. */
export interface Frozen {
  /** The dump of this moment. It must be read to its end. */
  readonly dump: Readable;
  /** Lets others write again. */
  thaw(): Promise<void>;
  /** The content of every table at that moment. */
  digests(): Promise<TableDigest[]>;
  close(): Promise<void>;
}

/**
 * Stops all writes to a group of databases and begins a dump: writers wait, until `thaw`. Reads go on.
 *
 * @throws when a transaction does not end in time
 */
export async function freeze(group: DatabaseGroup): Promise<Frozen> {
  const pool = createMysqlPool({ ...group.address, database: '' }, 2);
  try {
    const tables = await tablesOf(pool, group.databases);
    if (tables.length === 0) throw new Error('There is no database to copy');
    const [lock, snapshot] = [await pool.getConnection(), await pool.getConnection()];
    await lock.query(`set session lock_wait_timeout = ${LOCK_SECONDS}`);
    await lock.query(`lock tables ${tables.map((table) => `${table} read`).join()}`);
    await snapshot.query('set session transaction isolation level repeatable read');
    await snapshot.query('start transaction with consistent snapshot, read only');
    // A service that has never run has none.
    const existing = group.databases.filter((name) =>
      tables.some((table) => table.startsWith(`\`${name}\`.`)),
    );
    const dump = await dumpOf(group.address, existing);
    return {
      dump,
      thaw: async () => void (await lock.query('unlock tables')),
      digests: () => digestsOf(snapshot, tables),
      close: () => pool.end(),
    };
  } catch (failure) {
    // Ends the connection that holds the lock.
    await pool.end();
    throw failure;
  }
}

async function tablesOf(pool: Pool, databases: readonly string[]): Promise<string[]> {
  const [rows] = await pool.query<RowDataPacket[]>(
    `select table_schema as \`schema\`, table_name as name from information_schema.tables
      where table_schema in (?) and table_type = 'BASE TABLE' order by 1, 2`,
    [databases],
  );
  return rows.map(({ schema, name }) => `\`${schema}\`.\`${name}\``);
}

async function digestsOf(connection: PoolConnection, tables: readonly string[]): Promise<TableDigest[]> {
  const digests: TableDigest[] = [];
  for (const table of tables) {
    const [columns] = await connection.query<RowDataPacket[]>(`show columns from ${table}`);
    const values = columns.map(({ Field }) => `ifnull(hex(\`${Field}\`), '-')`).join();
    const [[row]] = await connection.query<RowDataPacket[]>(
      `select count(*) as n, coalesce(bit_xor(conv(left(md5(concat_ws('|', ${values})), 15), 16, 10)), 0) as digest
        from ${table}`,
    );
    digests.push({ table: table.replaceAll('`', ''), rows: Number(row?.n), digest: String(row?.digest) });
  }
  return digests;
}

/** The content of every table now. */
export async function currentDigests(group: DatabaseGroup): Promise<TableDigest[]> {
  const pool = createMysqlPool({ ...group.address, database: '' }, 1);
  try {
    const tables = await tablesOf(pool, group.databases);
    return await digestsOf(await pool.getConnection(), tables);
  } finally {
    await pool.end();
  }
}

/** Tables there are, by `database.table`. */
export async function existingTables(group: DatabaseGroup): Promise<string[]> {
  const pool = createMysqlPool({ ...group.address, database: '' }, 1);
  try {
    return (await tablesOf(pool, group.databases)).map((table) => table.replaceAll('`', ''));
  } finally {
    await pool.end();
  }
}

const connectionOptions = ({ host, port, user }: MysqlAddress) => [
  ...['--no-defaults', '--protocol=tcp', `--host=${host}`, `--port=${port}`, `--user=${user}`],
  '--default-character-set=utf8mb4',
];

/** In the environment: arguments are visible to every user of the machine. */
const withPassword = ({ password }: MysqlAddress) => ({ ...process.env, MYSQL_PWD: password });

/** Begins a dump of one moment, in a transaction of its own. @returns once that moment has passed */
async function dumpOf(address: MysqlAddress, databases: readonly string[]): Promise<Readable> {
  const child = Bun.spawn(
    [
      systemProgram('mariadb-dump', 'mariadb-client'),
      ...connectionOptions(address),
      ...['--single-transaction', '--quick', '--hex-blob', '--no-tablespaces', '--skip-dump-date'],
      ...['--databases', ...databases],
    ],
    { env: withPassword(address), stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const failure = new Response(child.stderr).text();
  const output = child.stdout[Symbol.asyncIterator]();
  // What comes after the header was read in the transaction.
  const head: Uint8Array[] = [];
  for (let text = ''; !text.includes('CREATE TABLE'); ) {
    const { value, done } = await output.next();
    if (done) throw new Error(`mariadb-dump failed: ${await failure}`);
    head.push(value);
    text += Buffer.from(value).toString('latin1');
  }
  async function* rest() {
    yield* head;
    for (;;) {
      const { value, done } = await output.next();
      if (done) break;
      yield value;
    }
    if ((await child.exited) !== 0) throw new Error(`mariadb-dump failed: ${await failure}`);
  }
  return ReadableStream.from(withoutDefiners(rest()));
}

/** Triggers are those of whoever restores them: to name another user takes rights that nobody should need. */
const DEFINER = / ?\/\*!50017 DEFINER=`[^`]*`@`[^`]*`\*\//g;

async function* withoutDefiners(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let unfinished = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const bytes = Buffer.concat([unfinished, chunk]);
    const end = bytes.lastIndexOf(0x0a) + 1;
    unfinished = bytes.subarray(end);
    const lines = bytes.subarray(0, end);
    // Only lines of definitions have it, and bytes of values must not be decoded.
    yield lines.includes('DEFINER=')
      ? Buffer.from(lines.toString('latin1').replaceAll(DEFINER, ''), 'latin1')
      : lines;
  }
  yield unfinished;
}

/** Runs a dump. */
export async function restoreDump({ address }: DatabaseGroup, dump: Readable): Promise<void> {
  const child = Bun.spawn([systemProgram('mariadb', 'mariadb-client'), ...connectionOptions(address)], {
    env: withPassword(address),
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  const failure = new Response(child.stderr).text();
  for await (const chunk of dump) {
    child.stdin.write(chunk);
    await child.stdin.flush();
  }
  await child.stdin.end();
  if ((await child.exited) !== 0) throw new Error(`mariadb could not run the dump: ${await failure}`);
}
