import { afterAll, describe, expect, test } from 'bun:test';
import { randomBytes } from 'node:crypto';
import { eq } from 'drizzle-orm';
import { inTransaction } from '#kit/mysql/database';
import { startMedia } from '../../tests/support/media';
import { addReferences, deleteUnreferenced, releaseReferences, sweepBlobs } from './blobs';
import { mediaBlobs } from './schema';
import { forgetPerson } from './service';

const service = await startMedia();
afterAll(service.close);
const { database, deps, storage } = service;

async function* once(bytes: Uint8Array) {
  yield bytes;
}
const receive = (bytes = randomBytes(100)) => storage.receive(once(bytes), { maximumBytes: 1_000 });
const refer = (file: Awaited<ReturnType<typeof receive>>) =>
  inTransaction(database, (transaction) => addReferences(transaction, storage, [file]));
const release = (sha256: string) =>
  inTransaction(database, (transaction) => releaseReferences(transaction, [sha256]));

describe('after a crash', () => {
  test('between writing the bytes and referring to them the sweeper deletes them', async () => {
    const file = await receive();
    await file.keep();
    expect(await sweepBlobs(deps)).toBe(1);
    expect(await storage.holds(file.sha256)).toBe(false);
  });

  test('between giving up the last reference and deleting the bytes the sweeper deletes them', async () => {
    const file = await receive();
    await refer(file);
    await release(file.sha256);
    expect(await storage.holds(file.sha256)).toBe(true);
    expect(await sweepBlobs(deps)).toBe(1);
    expect(await storage.holds(file.sha256)).toBe(false);
    expect(await database.select().from(mediaBlobs).where(eq(mediaBlobs.sha256, file.sha256))).toEqual([]);
  });

  test('between deleting the bytes and their row the same bytes can be stored again', async () => {
    const file = await receive();
    await refer(file);
    await release(file.sha256);
    await storage.delete(file.sha256);
    await refer(file);
    expect(await storage.holds(file.sha256)).toBe(true);
    expect(await sweepBlobs(deps)).toBe(0);
  });
});

test('bytes that are referred to are there, however many refer, release and sweep at the same time', async () => {
  const bytes = randomBytes(200);
  const files = await Promise.all(Array.from({ length: 5 }, () => receive(bytes)));
  await Promise.all([
    ...files.map(async (file, index) => {
      for (let round = 0; round < 5; round++) {
        await refer(file);
        expect(await storage.holds(file.sha256)).toBe(true);
        if (index === 0 && round === 4) return;
        await release(file.sha256);
        await deleteUnreferenced(deps, [file.sha256]);
      }
    }),
    (async () => {
      for (let round = 0; round < 5; round++) await sweepBlobs(deps);
    })(),
  ]);
  const [file] = files;
  if (file === undefined) throw new Error('nothing was received');
  expect(await storage.holds(file.sha256)).toBe(true);
  const [row] = await database.select().from(mediaBlobs).where(eq(mediaBlobs.sha256, file.sha256));
  expect(row?.referenceCount).toBe(1);
});

test('of somebody who has been erased nothing stays, and what others have is theirs', async () => {
  const id = Bun.randomUUIDv7();
  const bob = await service.tokens.authorization({ id, username: 'bob' });
  const ada = await service.newPerson();
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>');
  const own = await (
    await service.upload(bob, Buffer.from(`${svg}<!-- own -->`), { name: 'own.svg' })
  ).json();
  await service.upload(bob, svg, { name: 'shared.svg' });
  const kept = await (await service.upload(ada, svg, { name: 'shared.svg' })).json();
  await forgetPerson(deps, id);
  await forgetPerson(deps, id);
  expect(await storage.holds(own.checksum)).toBe(false);
  expect(await storage.holds(kept.checksum)).toBe(true);
  expect((await service.call('GET', `/files?owner=me`, { authorization: bob })).body.items).toEqual([]);
});
