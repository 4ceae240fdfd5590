import { afterAll, expect, test } from 'bun:test';
import { sql } from 'drizzle-orm';
import { uuidv7 } from '#kit/core/ids';
import { inTransaction } from '#kit/mysql/database';
import { migrateDatabase } from '#kit/mysql/migrations';
import { migrateUpTo } from '../../tests/support/earlier-migrations';
import { testDatabase, testRuntime } from '../../tests/support/servers';
import { findPlaylist, updatePlaylist } from './store';

const runtime = testRuntime('playlists-migrations');
const storage = await testDatabase();
afterAll(async () => {
  await runtime.close();
  await storage.drop();
});

test('playlists of the version before keep their texts, and take longer ones', async () => {
  const { database } = storage;
  const options = {
    address: storage.address,
    folder: `${import.meta.dir}/migrations`,
    log: runtime.log,
    signal: runtime.closing,
  };
  const id = uuidv7();
  const bytes = Buffer.from(id.replaceAll('-', ''), 'hex');
  const before = { name: '🦉'.repeat(200), description: 'é'.repeat(2_000) };
  await migrateUpTo('0000_initial', options);
  await database.execute(sql`insert into playlists
    (id, owner_id, name, description, visibility, version, videos_count, created_at, updated_at)
    values (${bytes}, ${bytes}, ${before.name}, ${before.description}, 'private', 1, 0, now(), now())`);

  await migrateDatabase(options);
  expect(await findPlaylist(database, id)).toMatchObject(before);
  const longer = { name: '👨‍👩‍👧'.repeat(200), description: '漢'.repeat(16_000) };
  await inTransaction(database, (transaction) => updatePlaylist(transaction, id, longer));
  expect(await findPlaylist(database, id)).toMatchObject(longer);
});
