import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import { createIdGenerator, ID_WORKERS, randomWorker } from '../core/ids';
import { keepConnected } from '../core/reconnect';
import type { Runtime } from '../core/runtime';
import type { MysqlAddress } from './database';

const CONNECT_TIMEOUT_MS = 3_000;

/**
 * Opens a generator of time-ordered ids (`kit/core/ids`) that are unique among the processes of a database: each process
 * holds a worker number by a named lock on a dedicated connection, which the server releases when the process dies. After
 * a lost connection it acquires the same number again, or another if that is taken.
 *
 * @returns the generator, once a number is held; 16 processes can hold one
 */
export async function openIdGenerator(runtime: Runtime, address: MysqlAddress): Promise<() => string> {
  let worker = randomWorker();
  let nextId = createIdGenerator(worker);
  const lock = keepConnected({
    what: 'The lock of the id worker',
    log: runtime.log,
    async open() {
      const connection = await createConnection({ ...address, connectTimeout: CONNECT_TIMEOUT_MS });
      try {
        const acquired = await acquire(connection, address.database, worker);
        if (acquired !== worker) nextId = createIdGenerator(acquired);
        worker = acquired;
      } catch (failure) {
        connection.destroy();
        throw failure;
      }
      return { resource: connection, ended: endOf(connection) };
    },
    close: (connection) => connection.end(),
  });
  runtime.onClose('id worker', () => lock.close());
  await lock.opened();
  return () => nextId();
}

async function acquire(connection: Connection, database: string, preferred: number): Promise<number> {
  for (let step = 0; step < ID_WORKERS; step++) {
    const worker = (preferred + step) % ID_WORKERS;
    const [rows] = await connection.query<RowDataPacket[]>('select get_lock(?, 0) as acquired', [
      `id-worker:${database}:${worker}`.slice(-64),
    ]);
    if (rows[0]?.acquired === 1) return worker;
  }
  throw new Error(`All ${ID_WORKERS} worker numbers of ${database} are in use`);
}

const endOf = (connection: Connection): Promise<unknown> =>
  new Promise((resolve) => {
    connection.on('error', resolve);
    connection.on('end', resolve);
  });
