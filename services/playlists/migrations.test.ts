import { afterAll, expect, test } from 'bun:test';
import { sql } from 'drizzle-orm';
import { uuidv7 } from '#kit/core/ids';
import { inTransaction } from '#kit/mysql/database';
import { oldDatabase } from '../../tests/support/old-database';
import { findPlaylist, updatePlaylist } from './store';

const storage = await oldDatabase('playlists', '0000_initial');
afterAll(storage.drop);

test('playlists of the version before keep their texts, and take longer ones', async () => {
  const { database } = storage;
  const id = uuidv7();
  const bytes = Buffer.from(id.replaceAll('-', ''), 'hex');
  const before = { name: '🦉'.repeat(200), description: 'é'.repeat(2_000) };
  await database.execute(sql`insert into playlists
    (id, owner_id, name, description, visibility, version, videos_count, created_at, updated_at)
    values (${bytes}, ${bytes}, ${before.name}, ${before.description}, 'private', 1, 0, now(), now())`);

  await storage.migrate();
  expect(await findPlaylist(database, id)).toMatchObject(before);
  const longer = { name: '👨‍👩‍👧'.repeat(200), description: '漢'.repeat(16_000) };
  await inTransaction(database, (transaction) => updatePlaylist(transaction, id, longer));
  expect(await findPlaylist(database, id)).toMatchObject(longer);
});
