import { connect } from 'node:net';
import { createPool, type Pool, type PoolOptions } from 'mysql2/promise';
import type { ServerAddress } from '../../config/hosts';
import { sleep } from '../../core/back-off';
import type { MysqlAddress } from '../address';
import { isServerAway } from '../failures';
import { queuesOf } from '../pool-queue';
import { probeWriter } from './connect';
import { followWriter, type WriterOptions } from './follow';

/** How long a caller waits for a server that takes writes, as long as for a connection, and how many do. */
const WAIT_MS = 5_000;
const MAX_WAITING = 500;
const PAUSE_MS = 100;

/**
 * Creates a pool whose connections lead to one of several servers, the writer. When another becomes the writer, connections
 * to the one before are closed: those in use at once when it is away, otherwise when they are released.
 *
 * @param address with standbys
 * @param settings those of the pool
 */
export function createFollowingPool(
  { standbys = [], ...first }: MysqlAddress,
  settings: PoolOptions,
  moved: WriterOptions['moved'] = () => undefined,
): Pool {
  /** Where connections lead, by their sockets. */
  const targets = new WeakMap<object, ServerAddress>();
  const writer = followWriter({
    servers: [{ host: first.host, port: first.port }, ...standbys],
    probe: (server) => probeWriter(first, server),
    moved: (move) => {
      dropConnections(move.wasAway);
      moved(move);
    },
  });
  const pool = createPool({
    ...first,
    ...settings,
    stream: () => {
      const target = writer.server;
      const socket = connect({ ...target, noDelay: true, keepAlive: true });
      targets.set(socket, target);
      return socket;
    },
  });
  const core = pool.pool;
  const queues = queuesOf(pool);
  const isStale = (connection: object): boolean => {
    const target = targets.get(socketOf(connection));
    return target !== undefined && target !== writer.server;
  };

  function dropConnections(wasAway: boolean): void {
    const { _allConnections: all, _freeConnections: free } = queues;
    const listed = (queue: typeof all) =>
      Array.from({ length: queue.length }, (_, index) => queue.get(index)).filter(isStale);
    // Whoever uses one learns of it by its end.
    if (wasAway) for (const connection of listed(all)) socketOf(connection).destroy();
    else for (const connection of listed(free)) connection.destroy();
  }

  const release = core.releaseConnection.bind(core);
  core.releaseConnection = (connection) => {
    // The pool calls this for one that it has removed as well, which then ends by itself.
    const isRemoved = Reflect.get(connection, '_pool') === null;
    if (isStale(connection) && !isRemoved) connection.destroy();
    else release(connection);
  };

  core.on('connection', (connection) =>
    observeFailures(connection, (failure) => {
      if (!isServerAway(failure)) return;
      // Of no use, even if its server is still there.
      socketOf(connection).destroy();
      void writer.check();
    }),
  );

  let waiting = 0;
  const getConnection = core.getConnection.bind(core);
  core.getConnection = (callback) => {
    const untilMs = performance.now() + WAIT_MS;
    const attempt = () =>
      getConnection((failure, connection) => {
        if (failure === null && isStale(connection)) {
          connection.destroy();
          attempt();
        } else if (!isServerAway(failure) || performance.now() >= untilMs || waiting >= MAX_WAITING)
          callback(failure, connection);
        else {
          waiting++;
          void writer
            .check()
            .then(() => sleep(PAUSE_MS))
            .then(() => {
              waiting--;
              attempt();
            });
        }
      });
    attempt();
  };

  const end = pool.end.bind(pool);
  pool.end = () => {
    writer.stop();
    return end();
  };
  return pool;
}

/** Private to mysql2. */
function socketOf(connection: object): { destroy(): void } {
  const socket: unknown = Reflect.get(connection, 'stream');
  if (typeof socket === 'object' && socket !== null && 'destroy' in socket)
    return socket as { destroy(): void };
  throw new Error('This version of mysql2 keeps its sockets elsewhere');
}

/** Calls `failed` with each failure of a statement, before its caller learns of it. */
function observeFailures(connection: object, failed: (failure: unknown) => void): void {
  const query: unknown = Reflect.get(connection, 'query');
  if (typeof query !== 'function') throw new Error('This version of mysql2 has another query method');
  Reflect.set(connection, 'query', (...sent: unknown[]) => {
    const command: unknown = query.apply(connection, sent);
    if (typeof command === 'object' && command !== null && 'onResult' in command) {
      const { onResult } = command;
      if (typeof onResult === 'function')
        command.onResult = (failure: unknown, ...rest: unknown[]) => {
          if (failure) failed(failure);
          return onResult(failure, ...rest);
        };
    }
    return command;
  });
}
