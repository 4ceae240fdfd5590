import {
  type Connection,
  type ConnectionOptions,
  createConnection,
  type RowDataPacket,
} from 'mysql2/promise';
import type { ServerAddress } from '../../config/hosts';
import { withTimeout } from '../../core/runtime';
import type { MysqlAddress } from '../address';

const PROBE_TIMEOUT_MS = 1_000;

/**
 * Whether a server takes writes: it is not read-only and, as a node of a Galera cluster, part of the majority. A node that
 * has just been chosen first applies what the others have committed.
 *
 * @throws when it does not, or does not answer within a second
 */
export async function probeWriter({ user, password }: MysqlAddress, server: ServerAddress): Promise<void> {
  const connection = await createConnection({ ...server, user, password, connectTimeout: PROBE_TIMEOUT_MS });
  try {
    await withTimeout(requireWritable(connection), PROBE_TIMEOUT_MS, 'probing a database server');
  } finally {
    connection.destroy();
  }
}

async function requireWritable(connection: Connection): Promise<void> {
  // Only MariaDB and Galera know these.
  const [cluster] = await connection.query<RowDataPacket[]>("show global variables like 'wsrep_on'");
  if (cluster[0]?.Value === 'ON') {
    const [status] = await connection.query<RowDataPacket[]>("show global status like 'wsrep_ready'");
    if (status[0]?.Value !== 'ON') throw new Error('The node is not part of the majority of its cluster');
    await connection.query('set session wsrep_sync_wait = 1');
  }
  const [rows] = await connection.query<RowDataPacket[]>('select @@global.read_only as is_read_only');
  if (rows[0]?.is_read_only !== 0) throw new Error('The server is read-only');
}

/**
 * Opens a connection to the first server of an address that takes writes.
 *
 * @param options.database empty: none
 * @throws the last failure when there is none
 */
export async function connectToWriter(
  address: MysqlAddress,
  options: Pick<ConnectionOptions, 'connectTimeout' | 'timezone' | 'database'> = {},
): Promise<Connection> {
  const { standbys = [], ...first } = address;
  if (standbys.length === 0) return createConnection({ ...first, ...options });
  for (const server of [first, ...standbys])
    try {
      await probeWriter(address, server);
      return await createConnection({ ...first, host: server.host, port: server.port, ...options });
    } catch (failure) {
      if (server === standbys.at(-1)) throw failure;
    }
  throw new Error('unreachable');
}
