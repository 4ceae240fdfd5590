import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import { createIdGenerator, ID_WORKERS, randomWorker } from '../core/ids';
import { keepConnected } from '../core/reconnect';
import type { Runtime } from '../core/runtime';
import type { MysqlAddress } from './database';

const CONNECT_TIMEOUT_MS = 3_000;

/**
 * Makes time-ordered ids (`kit/core/ids`) that no other process with the same database makes: each holds a worker number of
 * its own by a named lock on a connection of its own, which the server frees when the process is gone. After a lost
 * connection the number is claimed again, or another where it has gone to somebody else.
 *
 * @returns once a number is held; 16 processes can hold one
 */
export async function openIdGenerator(runtime: Runtime, address: MysqlAddress): Promise<() => string> {
  let worker = randomWorker();
  let nextId = createIdGenerator(worker);
  const kept = keepConnected({
    what: 'the lock of the id worker',
    log: runtime.log,
    async open() {
      const connection = await createConnection({ ...address, connectTimeout: CONNECT_TIMEOUT_MS });
      try {
        const claimed = await claim(connection, address.database, worker);
        if (claimed !== worker) nextId = createIdGenerator(claimed);
        worker = claimed;
      } catch (failure) {
        connection.destroy();
        throw failure;
      }
      return { resource: connection, ended: endOf(connection) };
    },
    close: (connection) => connection.end(),
  });
  runtime.onClose('id worker', () => kept.close());
  await kept.opened();
  return () => nextId();
}

async function claim(connection: Connection, database: string, preferred: number): Promise<number> {
  for (let step = 0; step < ID_WORKERS; step++) {
    const worker = (preferred + step) % ID_WORKERS;
    const [rows] = await connection.query<RowDataPacket[]>('select get_lock(?, 0) as taken', [
      `id-worker:${database}:${worker}`.slice(-64),
    ]);
    if (rows[0]?.taken === 1) return worker;
  }
  throw new Error(`All ${ID_WORKERS} id workers of ${database} are taken: no more processes can make ids`);
}

const endOf = (connection: Connection): Promise<unknown> =>
  new Promise((resolve) => {
    connection.on('error', resolve);
    connection.on('end', resolve);
  });
