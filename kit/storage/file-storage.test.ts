import { afterAll, describe, expect, test } from 'bun:test';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startObjectStore } from '../../tests/support/object-store';
import { BytesMissing, type FileStorage } from './file-storage';
import { openFolderStorage } from './folder';
import { openS3Storage } from './s3';

const folder = await mkdtemp(join(tmpdir(), 'rookery-storage-'));
const server = await startObjectStore();
const bucketStorage = await openS3Storage({ ...server.settings, bucket: 'storage-test' });
await bucketStorage.check();
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true });
});

const MAXIMUM = { maximumBytes: 1_000_000 };
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

async function* inPieces(bytes: Uint8Array, pieceBytes = 1_000) {
  for (let from = 0; from < bytes.length; from += pieceBytes) {
    await Promise.resolve();
    yield bytes.subarray(from, from + pieceBytes);
  }
}

async function* brokenOff(bytes: Uint8Array) {
  yield bytes;
  throw new Error('the connection was reset');
}

async function store(storage: FileStorage, bytes: Uint8Array): Promise<string> {
  const received = await storage.receive(inPieces(bytes), MAXIMUM);
  await received.keep();
  await received.discard();
  return received.sha256;
}

const bytesOf = async (storage: FileStorage, name: string, range?: { start: number; end: number }) =>
  Buffer.from(await new Response(await storage.read(name, range)).arrayBuffer());

describe.each([
  ['a folder', openFolderStorage(folder), join(folder, 'incoming')],
  ['an S3-compatible server', bucketStorage, join(tmpdir(), 'rookery-incoming')],
])('files in %s', (_where, storage, incoming) => {
  const staged = async () => (await readdir(incoming)).length;

  test('are read as they were written, whole and by range', async () => {
    const bytes = randomBytes(10_000);
    const name = await store(storage, bytes);
    expect(name).toBe(sha256(bytes));
    expect((await bytesOf(storage, name)).equals(bytes)).toBe(true);
    expect((await bytesOf(storage, name, { start: 100, end: 199 })).equals(bytes.subarray(100, 200))).toBe(
      true,
    );
    expect((await bytesOf(storage, name, { start: 9_999, end: 9_999 })).length).toBe(1);
    expect(await storage.holds(name)).toBe(true);
  });

  test('may be empty', async () => {
    const name = await store(storage, new Uint8Array());
    expect(await bytesOf(storage, name)).toHaveLength(0);
  });

  test('are in the storage only once they are kept', async () => {
    const received = await storage.receive(inPieces(randomBytes(5_000)), MAXIMUM);
    expect(await storage.holds(received.sha256)).toBe(false);
    await received.discard();
    expect(await storage.holds(received.sha256)).toBe(false);
    await expect(received.keep()).rejects.toThrow();
  });

  test('can be kept again after deletion, until they are discarded', async () => {
    const bytes = randomBytes(3_000);
    const received = await storage.receive(inPieces(bytes), MAXIMUM);
    await received.keep();
    await storage.delete(received.sha256);
    await received.keep();
    await received.discard();
    expect((await bytesOf(storage, received.sha256)).equals(bytes)).toBe(true);
  });

  test('leave nothing behind when the source fails', async () => {
    const before = [await staged(), (await Array.fromAsync(storage.list())).length];
    const bytes = randomBytes(100_000);
    await expect(storage.receive(brokenOff(bytes), MAXIMUM)).rejects.toThrow('the connection was reset');
    expect([await staged(), (await Array.fromAsync(storage.list())).length]).toEqual(before);
    expect(await storage.holds(sha256(bytes))).toBe(false);
  });

  test('are rejected at the first byte beyond the limit, and leave nothing behind', async () => {
    const before = await staged();
    const bytes = randomBytes(5_001);
    let taken = 0;
    async function* counted() {
      for await (const piece of inPieces(bytes, 1)) {
        taken++;
        yield piece;
      }
    }
    await expect(storage.receive(counted(), { maximumBytes: 500 })).rejects.toMatchObject({
      code: 'request.too-large',
    });
    expect(taken).toBe(501);
    expect(await staged()).toBe(before);
  });

  test('are one complete file under concurrent writes and reads', async () => {
    const bytes = randomBytes(50_000);
    const name = await store(storage, bytes);
    const work = Array.from({ length: 8 }, async (_, number) => {
      if (number % 2 === 0) return store(storage, bytes);
      expect((await bytesOf(storage, name)).equals(bytes)).toBe(true);
      return name;
    });
    expect(new Set(await Promise.all(work))).toEqual(new Set([name]));
    expect((await Array.fromAsync(storage.list())).filter((one) => one === name)).toEqual([name]);
  });

  test('are deleted idempotently', async () => {
    const name = await store(storage, randomBytes(100));
    await storage.delete(name);
    await storage.delete(name);
    expect(await storage.holds(name)).toBe(false);
    await expect(storage.read(name)).rejects.toBeInstanceOf(BytesMissing);
  });

  test('are listed', async () => {
    const names = await Promise.all([1, 2, 3].map((size) => store(storage, randomBytes(size * 50))));
    const listed = await Array.fromAsync(storage.list());
    expect(names.filter((name) => !listed.includes(name))).toEqual([]);
  });

  test.each([
    '../../etc/passwd',
    '..',
    '/etc/passwd',
    '',
    `${'a'.repeat(63)}/`,
    'A'.repeat(64),
    `${'a'.repeat(64)}\n`,
  ])('are never accessed under the name %p', async (name) => {
    await expect((async () => storage.read(name))()).rejects.toBeInstanceOf(TypeError);
    await expect((async () => storage.holds(name))()).rejects.toBeInstanceOf(TypeError);
    await expect((async () => storage.delete(name))()).rejects.toBeInstanceOf(TypeError);
  });

  test('that were staged by a dead process are removed after a while, recent ones are not', async () => {
    const received = await storage.receive(inPieces(randomBytes(10)), MAXIMUM);
    await storage.removeAbandoned(60_000);
    expect(await Bun.file(received.path).exists()).toBe(true);
    await storage.removeAbandoned(-1);
    expect(await Bun.file(received.path).exists()).toBe(false);
  });
});
