import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { type Configstore, FileStore } from '@tus/file-store';
import { Upload } from '@tus/server';
import type { Database } from '#kit/mysql/database';
import * as store from './store';

/** Bun 1.4.4 retains the pieces of a streamed body for long (see `kit/storage/staging`). */
const COLLECT_EVERY_BYTES = 8 * 1024 * 1024;

/** Parts in a local folder, state in the database. A finished upload has no parts; its state says that all has arrived. */
export class UploadStore extends FileStore {
  readonly #database: Database;

  constructor(options: { database: Database; folder: string; expiresMs: number }) {
    super({
      directory: options.folder,
      configstore: createStateStore(options.database),
      expirationPeriodInMilliseconds: options.expiresMs,
    });
    this.#database = options.database;
  }

  /** The file that a finished upload has become. */
  async fileIdOf(id: string): Promise<string | undefined> {
    return (await store.findUpload(this.#database, id))?.fileId ?? undefined;
  }

  override async getUpload(id: string): Promise<Upload> {
    const row = await store.findUpload(this.#database, id);
    if (row === undefined || row.fileId === null) return super.getUpload(id);
    const { size, metadata, finishedAt } = row;
    const length = size ?? 0;
    return new Upload({
      ...{ id, size: length, offset: length, metadata },
      // It expires a day after it was finished, not after it was created.
      creation_date: (finishedAt ?? row.createdAt).toISOString(),
    });
  }

  override async write(readable: Readable, id: string, offset: number): Promise<number> {
    if ((await this.fileIdOf(id)) !== undefined) return offset;
    let bytes = 0;
    readable.on('data', (piece: Uint8Array) => {
      const before = bytes;
      bytes += piece.byteLength;
      if (Math.floor(bytes / COLLECT_EVERY_BYTES) > Math.floor(before / COLLECT_EVERY_BYTES)) Bun.gc(true);
    });
    const received = await super.write(readable, id, offset);
    await store.updateUpload(this.#database, id, { received });
    return received;
  }

  override async declareUploadLength(id: string, size: number): Promise<void> {
    await store.updateUpload(this.#database, id, { size });
  }

  /** Of a finished upload the state is removed; its file stays. */
  override async remove(id: string): Promise<void> {
    if ((await this.fileIdOf(id)) === undefined) return super.remove(id);
    await store.deleteUpload(this.#database, id);
  }

  /** Keeps the state and removes the parts. */
  async finish(id: string, fileId: string): Promise<void> {
    await store.markFinished(this.#database, id, fileId);
    await rm(join(this.directory, id), { force: true });
  }

  /** Removes the state of expired uploads, and parts of this instance that no upload needs any more. */
  async expire(batchSize: number): Promise<void> {
    const expiresMs = this.getExpiration();
    while ((await store.deleteExpired(this.#database, expiresMs / 1000, batchSize)) === batchSize);
    for (const name of await readdir(this.directory).catch(() => [])) {
      const path = join(this.directory, name);
      const found = await stat(path).catch(() => undefined);
      if (found === undefined || Date.now() - found.mtimeMs < expiresMs) continue;
      const row = ID.test(name) ? await store.findUpload(this.#database, name) : undefined;
      if (row === undefined || row.fileId !== null) await rm(path, { force: true });
    }
  }

  /** Takes over the uploads whose state is in a file beside their parts, as it was before it was in the database. */
  async importState(): Promise<void> {
    for (const name of await readdir(this.directory).catch(() => [])) {
      if (!name.endsWith('.json')) continue;
      const path = join(this.directory, name);
      const { id, size, metadata = {} } = JSON.parse(await readFile(path, 'utf8')) as Upload;
      if (ID.test(id) && metadata.owner_id)
        await store.insertUpload(this.#database, {
          id,
          ownerId: metadata.owner_id,
          size: size ?? null,
          metadata,
        });
      await rm(path, { force: true });
    }
  }
}

const ID = /^[0-9a-f]{32}$/;

const createStateStore = (database: Database): Configstore => ({
  async get(id) {
    const row = await store.findUpload(database, id);
    if (row === undefined) return undefined;
    const { size, metadata, createdAt } = row;
    return new Upload({
      ...{ id, offset: 0, metadata, creation_date: createdAt.toISOString() },
      ...(size !== null && { size }),
    });
  },
  async set(id, { size, metadata = {} }) {
    const ownerId = metadata.owner_id;
    if (!ownerId) throw new Error('an upload has no owner');
    await store.insertUpload(database, { id, ownerId, size: size ?? null, metadata });
  },
  delete: (id) => store.deleteUpload(database, id),
});
