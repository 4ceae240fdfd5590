import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { createClient } from 'redis';
import { connectBeanstalkd } from '#kit/messaging/beanstalkd/connection';
import { isDuplicate } from '#kit/mysql/failures';
import { openFolderStorage } from '#kit/storage/folder';
import { beanstalkdAddress, serverVariable, testDatabase, uniqueName } from '../../tests/support/servers';
import { restoreStores } from '../restore/restore';
import { listJobs } from './beanstalkd';
import { currentDigests, type DatabaseGroup, existingTables, freeze, restoreDump } from './databases';
import { copyFiles, restoreFiles } from './files';
import { writeManifest } from './manifest';
import { checkPart, readLines, readPart, writeLines, writePart } from './parts';
import { openRedisStore } from './redis';
import { readStores } from './settings';

const folder = mkdtempSync(join(tmpdir(), 'rookery-backup-test-'));
const storage = await testDatabase();
const group: DatabaseGroup = { address: storage.address, databases: [storage.address.database] };
afterAll(async () => {
  await storage.drop();
  rmSync(folder, { recursive: true, force: true });
});

/** Bytes that SQL, text and line ends could be confused with. */
const STRANGE = Buffer.from([0, 10, 13, 26, 34, 39, 92, 96, 0xc3, 0x28, 0xff, 0xf0, 0x9f]);

test('a dump is of the moment in which writes waited, and restores rows and triggers exactly', async () => {
  const { database } = storage;
  await database.execute(sql`create table notes (
    id int primary key, text longtext, bytes varbinary(64), amount decimal(20, 4), at datetime(3), whole json,
    derived int generated always as (id * 2) virtual)`);
  await database.execute(
    sql`insert into notes (id, text, bytes, amount, at, whole) values
      (1, ${"it's \n DEFINER=`a`@`b` \\ 🐦"}, ${STRANGE}, 12345678901234.5678, '2026-11-30 01:02:03.004', '{"a":1}'), (2, null, null, null, null, null)`,
  );
  await database.execute(
    sql`create trigger notes_stay before delete on notes for each row signal sqlstate '45000'`,
  );
  const frozen = await freeze(group);
  let isWritten = false;
  const write = database.execute(sql`insert into notes (id) values (3)`).then(() => {
    isWritten = true;
  });
  expect(await database.execute(sql`select count(*) as n from notes`)).toMatchObject([[{ n: 2 }], {}]);
  expect(isWritten).toBe(false);
  await frozen.thaw();
  await write;
  const part = await writePart(folder, 'databases-1.sql.gz', frozen.dump);
  const before = await frozen.digests();
  await frozen.close();
  expect(before).toMatchObject([{ rows: 2 }]);
  expect(await currentDigests(group)).not.toEqual(before);
  await database.execute(sql`drop table notes`);
  expect(await existingTables(group)).toEqual([]);
  await checkPart(folder, part);
  await restoreDump(group, readPart(folder, part.file));
  expect(await currentDigests(group)).toEqual(before);
  const deletion = await database.execute(sql`delete from notes`).catch((failure: unknown) => failure);
  expect([deletion instanceof Error, isDuplicate(deletion)]).toEqual([true, false]);
});

test('jobs are listed in every state, and none is reserved for it', async () => {
  const address = beanstalkdAddress();
  const connection = await connectBeanstalkd(address);
  const tube = uniqueName('copied');
  const put = (body: string, delaySeconds: number) =>
    connection.put(tube, Buffer.from(body), { priority: 7, delaySeconds, ttrSeconds: 90 });
  try {
    await put('reserved', 0);
    await connection.watchOnly(tube);
    await connection.reserve(0);
    await put('delayed', 500);
    await put('buried', 0);
    const buried = await connection.reserve(0);
    await connection.bury(String(buried?.id), 7);
    await put('ready', 0);
    const jobs = (await listJobs(address)).filter((job) => job.tube === tube);
    expect(jobs.map(({ body }) => Buffer.from(body, 'base64').toString())).toEqual([
      ...['reserved', 'delayed', 'buried', 'ready'],
    ]);
    expect(jobs).toMatchObject([{ priority: 7, ttrSeconds: 90, delaySeconds: 0 }, {}, {}, {}]);
    expect(jobs[1]?.delaySeconds).toBeGreaterThan(400);
    expect(await connection.tubeStatistics(tube)).toMatchObject({
      ready: 1,
      reserved: 1,
      delayed: 1,
      buried: 1,
    });
  } finally {
    connection.close();
  }
});

test('likes are copied from Redis byte by byte, and nothing else', async () => {
  const redis = createClient({ url: serverVariable('REDIS_URL') });
  await redis.connect();
  const store = await openRedisStore(serverVariable('REDIS_URL'));
  const name = uniqueName('likes-copied:é');
  try {
    await redis.zAdd(name, { score: 1_700_000_000_000_123, value: 'somebody' });
    await redis.pExpire(name, 500_000);
    await redis.set(uniqueName('home'), 'x', { expiration: { type: 'EX', value: 500 } });
    const names = (await Array.fromAsync(store.names())).map(String);
    expect(names).toContain(name);
    expect(names.filter((one) => !/^\{?likes/.test(one))).toEqual([]);
    const part = await writeLines(folder, 'redis.jsonl.gz', store.entries([Buffer.from(name)]));
    expect(part.entries).toBe(1);
    await redis.del(name);
    for await (const entry of readLines<Parameters<typeof store.restore>[0]>(folder, part.file))
      await store.restore(entry);
    expect(await redis.zRangeWithScores(name, 0, -1)).toEqual([
      { score: 1_700_000_000_000_123, value: 'somebody' },
    ]);
    expect(await redis.pTTL(name)).toBeGreaterThan(100_000);
  } finally {
    await redis.del(name);
    store.close();
    redis.destroy();
  }
});

test('files are copied once, and one that has changed is refused', async () => {
  const [source, target] = [
    openFolderStorage(join(folder, 'source')),
    openFolderStorage(join(folder, 'target')),
  ];
  const store = async (text: string) => {
    const received = await source.receive([Buffer.from(text)] as never, { maximumBytes: 1_000 });
    await received.keep();
    await received.discard();
    return received.sha256;
  };
  const copy = join(folder, 'files');
  const first = await store('one');
  expect(await copyFiles(source, copy)).toEqual([first]);
  const second = await store('two');
  expect(await copyFiles(source, copy)).toEqual([second]);
  expect(await restoreFiles(target, copy)).toBe(2);
  expect((await Array.fromAsync(target.list())).sort()).toEqual([first, second].sort());
  writeFileSync(join(copy, second), 'changed');
  await expect(restoreFiles(target, copy)).rejects.toThrow('not as it was written');
});

test('nothing is restored from a damaged or unfinished backup, or into a system that has something', async () => {
  const settings = { ...readStores({ ...process.env }), databases: [storage.address] };
  const backup = join(folder, 'backup');
  await expect(restoreStores(settings, backup)).rejects.toThrow('no manifest.json');
  const part = await writeLines(folder, 'rabbitmq.jsonl.gz', []);
  const at = new Date().toISOString();
  writeManifest(folder, {
    ...{ version: '0', servers: {}, started_at: at, point_at: at, finished_at: at, frozen_ms: 1 },
    ...{ parts: [part], files: {}, tables: [], dynamodb_tables: [] },
  });
  await storage.database.execute(sql`create table if not exists present (id int primary key)`);
  await expect(restoreStores(settings, folder)).rejects.toThrow(
    /into an empty system only, .* has tables in its databases/,
  );
  writeFileSync(join(folder, part.file), 'damaged');
  await expect(restoreStores(settings, folder)).rejects.toThrow('its checksum differs');
});
