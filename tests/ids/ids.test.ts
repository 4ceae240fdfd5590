import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/mysql2';
import { isTimeOrderedId } from '#kit/core/ids';
import { createMysqlPool } from '#kit/mysql/database';
import { errorNumber } from '#kit/mysql/failures';
import { eventually } from '../support/eventually';
import { testDatabase } from '../support/servers';

/**
 * `FULL=1`: a million ids from forty processes. `DB_NODES=127.0.0.11:3306,…`: each writes to one of these nodes of a cluster, of
 * which `DB_HOST` is one, as if they disagreed about the writer.
 */
const [PROCESSES, IDS_EACH] = process.env.FULL === '1' ? [40, 25_000] : [4, 3_000];
const TIMEOUT_MS = 600_000;
/** ER_LOCK_DEADLOCK. */
const REFUSED_BY_CERTIFICATION = 1213;

const storage = await testDatabase();
const folder = mkdtempSync(join(tmpdir(), 'ids-'));
afterAll(async () => {
  await Promise.all(pools.map((pool) => pool.end()));
  await storage.drop();
  rmSync(folder, { recursive: true });
});

const nodes = (process.env.DB_NODES ?? '')
  .split(',')
  .filter(Boolean)
  .map((node) => new URL(`tcp://${node}`))
  .map(({ hostname, port }) => ({ ...storage.address, host: hostname, port: Number(port) }));
const addresses = nodes.length > 0 ? nodes : [storage.address];
const pools = addresses.map((address) => createMysqlPool(address, 1));
const databases = pools.map((pool) => drizzle(pool));
let started = 0;

function start(count: number) {
  const seed = started++;
  const address = addresses[seed % addresses.length];
  const settings = { address, file: join(folder, String(seed)), count, seed };
  return Bun.spawn(['bun', join(import.meta.dir, 'maker-process.ts'), JSON.stringify(settings)], {
    stdout: 'ignore',
    stderr: 'inherit',
  });
}

const madeIds = () =>
  readdirSync(folder).flatMap((file) =>
    readFileSync(join(folder, file), 'utf8')
      .split('\n')
      // The last line of a killed process may be incomplete.
      .slice(0, -1),
  );

test(
  'no id is doubled, although clocks are set, leases and connections are lost, and processes are killed',
  async () => {
    const processes = Array.from({ length: PROCESSES }, () => start(IDS_EACH));
    await eventually(() => madeIds().length > IDS_EACH / 2, TIMEOUT_MS);
    // One dies with its lease, and is replaced.
    processes[0]?.kill('SIGKILL');
    processes.push(start(IDS_EACH));
    const finished = Promise.all(processes.slice(1).map(({ exited }) => exited));
    let isFinished = false;
    finished.then(() => {
      isFinished = true;
    });
    while (!isFinished) {
      await disturb();
      await Promise.race([finished, Bun.sleep(1_000)]);
    }
    expect(await finished).toEqual(Array(PROCESSES).fill(0));
    const ids = madeIds();
    expect(ids.length).toBeGreaterThanOrEqual(PROCESSES * IDS_EACH);
    expect(ids.every(isTimeOrderedId)).toBe(true);
    expect(new Set(ids).size).toBe(ids.length);
  },
  TIMEOUT_MS,
);

/** Ends a third of the leases, as if their holders had been silent, and kills a third of the connections at every node. */
async function disturb(): Promise<void> {
  await storage.database
    .execute(sql`update leases set expires_at = utc_timestamp(3) where rand() < 0.33`)
    .catch((failure: unknown) => {
      // A cluster refuses it when another node has renewed one of them meanwhile; the next time is a second away.
      if (errorNumber(failure) !== REFUSED_BY_CERTIFICATION) throw failure;
    });
  for (const database of databases) {
    const [connections] = await database.execute(
      sql`select id from information_schema.processlist where db = ${storage.address.database} and id <> connection_id() and rand() < 0.33`,
    );
    for (const connection of Array.isArray(connections) ? connections : [])
      await database
        .execute(sql`kill ${sql.raw(String(Reflect.get(connection, 'id')))}`)
        .catch(() => undefined);
  }
}
