import { afterAll, expect, test } from 'bun:test';
import { uuidv7 } from '#kit/core/ids';
import { migrateDatabase } from '#kit/mysql/migrations';
import { testDatabase, testRuntime } from '../../../tests/support/servers';
import { findRoom, insertRoom } from '../rooms/store';
import type { Draft } from './store';
import { createMessageWriter } from './writer';

const storage = await testDatabase();
const runtime = testRuntime('chat');
afterAll(async () => {
  await runtime.close();
  await storage.drop();
});
await migrateDatabase({
  address: storage.address,
  folder: `${import.meta.dir}/../migrations`,
  log: runtime.log,
  signal: runtime.closing,
});

const draft = (changed: Partial<Draft> = {}): Draft => ({
  id: uuidv7(),
  senderId: uuidv7(),
  username: 'ada',
  message: 'hello',
  phoneNumber: null,
  avatar: null,
  clientId: null,
  clientKey: null,
  clientScope: null,
  ...changed,
});

test('a message that the database refuses does not take those of other people with it', async () => {
  await insertRoom(storage.database, { name: 'lobby', epoch: uuidv7(), isPrivate: false, ownerId: null });
  const room = await findRoom(storage.database, 'lobby', null);
  if (room === undefined) throw new Error('no room');
  const published: number[] = [];
  const writer = createMessageWriter(runtime, storage.database, (_room, rows) =>
    published.push(...rows.map(({ seq }) => seq)),
  );
  // The first one is written alone; the others wait for it, and share a transaction.
  const drafts = [draft(), draft(), draft({ phoneNumber: '1'.repeat(40) }), draft()];
  const results = await Promise.allSettled(drafts.map((one) => writer.write(room, one)));
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
  expect(results[2]).toMatchObject({ reason: { code: 'chat.message-refused' } });
  expect(published).toEqual([1, 2, 3]);
});
