import { afterAll, describe, expect, test } from 'bun:test';
import { randomBytes } from 'node:crypto';
import { eq } from 'drizzle-orm';
import { inTransaction } from '#kit/mysql/database';
import { startMedia } from '../../../tests/support/media';
import { deleteFilesOfUser } from '../files/service';
import { mediaBlobs } from '../schema';
import { addReferences, deleteOrphans, deleteUnreferenced, releaseReferences } from './store';

const service = await startMedia();
afterAll(service.close);
const { database, deps, storage } = service;

async function* once(bytes: Uint8Array) {
  yield bytes;
}
const receive = (bytes = randomBytes(100)) => storage.receive(once(bytes), { maximumBytes: 1_000 });
const reference = (file: Awaited<ReturnType<typeof receive>>) =>
  inTransaction(database, (transaction) =>
    addReferences(transaction, storage, [{ ...file, store: file.keep }]),
  );
const release = (sha256: string) =>
  inTransaction(database, (transaction) => releaseReferences(transaction, [sha256]));

describe('after a crash', () => {
  test('between writing a blob and referencing it, the blob is deleted as an orphan', async () => {
    const file = await receive();
    await file.keep();
    expect(await deleteOrphans(deps)).toBe(1);
    expect(await storage.holds(file.sha256)).toBe(false);
  });

  test('between releasing the last reference and deleting the blob, it is deleted as an orphan', async () => {
    const file = await receive();
    await reference(file);
    await release(file.sha256);
    expect(await storage.holds(file.sha256)).toBe(true);
    expect(await deleteOrphans(deps)).toBe(1);
    expect(await storage.holds(file.sha256)).toBe(false);
    expect(await database.select().from(mediaBlobs).where(eq(mediaBlobs.sha256, file.sha256))).toEqual([]);
  });

  test('between deleting a blob and its row, the same blob can be stored again', async () => {
    const file = await receive();
    await reference(file);
    await release(file.sha256);
    await storage.delete(file.sha256);
    await reference(file);
    expect(await storage.holds(file.sha256)).toBe(true);
    expect(await deleteOrphans(deps)).toBe(0);
  });
});

test('a referenced blob exists, however many reference, release and clean up concurrently', async () => {
  const bytes = randomBytes(200);
  const files = await Promise.all(Array.from({ length: 5 }, () => receive(bytes)));
  await Promise.all([
    ...files.map(async (file, index) => {
      for (let round = 0; round < 5; round++) {
        await reference(file);
        expect(await storage.holds(file.sha256)).toBe(true);
        if (index === 0 && round === 4) return;
        await release(file.sha256);
        await deleteUnreferenced(deps, [file.sha256]);
      }
    }),
    (async () => {
      for (let round = 0; round < 5; round++) await deleteOrphans(deps);
    })(),
  ]);
  const [file] = files;
  if (file === undefined) throw new Error('no file was received');
  expect(await storage.holds(file.sha256)).toBe(true);
  const [row] = await database.select().from(mediaBlobs).where(eq(mediaBlobs.sha256, file.sha256));
  expect(row?.referenceCount).toBe(1);
});

test('erasing a user deletes their files and leaves content that others reference', async () => {
  const id = Bun.randomUUIDv7();
  const bob = await service.tokens.authorization({ id, username: 'bob' });
  const ada = await service.newPerson();
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>');
  const own = await (
    await service.upload(bob, Buffer.from(`${svg}<!-- own -->`), { name: 'own.svg' })
  ).json();
  await service.upload(bob, svg, { name: 'shared.svg' });
  const shared = await (await service.upload(ada, svg, { name: 'shared.svg' })).json();
  await deleteFilesOfUser(deps, id);
  await deleteFilesOfUser(deps, id);
  expect(await storage.holds(own.checksum)).toBe(false);
  expect(await storage.holds(shared.checksum)).toBe(true);
  expect((await service.call('GET', `/files?owner=me`, { authorization: bob })).body.items).toEqual([]);
});
