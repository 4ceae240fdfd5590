import type { Pool, RowDataPacket } from 'mysql2/promise';

/** A statement that a service has sent, with its values. */
export interface LoggedStatement {
  readonly database: string;
  readonly text: string;
}

/**
 * Has the server log all statements, as it received them.
 *
 * @param pool of a user with all rights
 * @returns `stop`, which ends the log and returns the statements of the databases that services own
 */
export async function startQueryLog(pool: Pool): Promise<{ stop(): Promise<LoggedStatement[]> }> {
  await pool.query('set global general_log = off');
  await pool.query("set global log_output = 'TABLE'");
  await pool.query('truncate mysql.general_log');
  // Whose database each connection has opened.
  const databases = new Map<string, string>();
  const readConnections = async () => {
    const [rows] = await pool.query<RowDataPacket[]>('select id, db from information_schema.processlist');
    for (const { id, db } of rows) if (db !== null) databases.set(String(id), db);
  };
  await pool.query('set global general_log = on');
  await readConnections();
  return {
    async stop() {
      await readConnections();
      await pool.query('set global general_log = off');
      const [rows] = await pool.query<RowDataPacket[]>(
        `select thread_id, command_type, convert(argument using utf8mb4) as text from mysql.general_log
          where command_type in ('Connect', 'Query') order by event_time`,
      );
      return rows.flatMap(({ thread_id, command_type, text }) => {
        const thread = String(thread_id);
        const [, opened] = / on (\w+) using /.exec(command_type === 'Connect' ? text : '') ?? [];
        if (opened !== undefined) databases.set(thread, opened);
        const database = databases.get(thread);
        return command_type === 'Query' && database !== undefined ? [{ database, text: String(text) }] : [];
      });
    },
  };
}
