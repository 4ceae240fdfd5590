import type { Readable } from 'node:stream';
import { DataStore, ERRORS, Upload } from '@tus/server';
import type { BlobsDeps } from '../blobs/store';
import { appendPart, readParts, removeUpload } from './parts';
import * as store from './store';

export interface UploadStoreOptions {
  readonly maxBytes: number;
  readonly expiresMs: number;
}

/** What the protocol library stores: state in the database and parts as blobs, so that any instance continues any upload. */
export class UploadStore extends DataStore {
  readonly #deps: BlobsDeps;
  readonly #options: UploadStoreOptions;

  constructor(deps: BlobsDeps, options: UploadStoreOptions) {
    super();
    this.#deps = deps;
    this.#options = options;
    this.extensions = [
      'creation',
      'creation-with-upload',
      'creation-defer-length',
      'termination',
      'expiration',
    ];
  }

  /** The file that a finished upload has become. */
  async fileIdOf(id: string): Promise<string | undefined> {
    return (await store.findUpload(this.#deps.database, id))?.fileId ?? undefined;
  }

  override async create(upload: Upload): Promise<Upload> {
    const { id, size, metadata = {} } = upload;
    if (!metadata.owner_id) throw new Error('an upload has no owner');
    const row = { id, ownerId: metadata.owner_id, size: size ?? null, metadata };
    await store.insertUpload(this.#deps.database, row);
    return upload;
  }

  override async getUpload(id: string): Promise<Upload> {
    const row = await store.findUpload(this.#deps.database, id);
    if (row === undefined) throw ERRORS.FILE_NOT_FOUND;
    const { size, received, metadata, createdAt, finishedAt } = row;
    return new Upload({
      ...{ id, offset: received, metadata, ...(size !== null && { size }) },
      // A finished one expires a day after it was finished.
      creation_date: (finishedAt ?? createdAt).toISOString(),
    });
  }

  override async write(readable: Readable, id: string, offset: number): Promise<number> {
    if ((await this.fileIdOf(id)) !== undefined) return offset;
    const file = await this.#deps.storage.receive(untilBroken(readable), {
      maximumBytes: this.#options.maxBytes,
    });
    try {
      return await appendPart(this.#deps, id, offset, file);
    } finally {
      await file.discard();
    }
  }

  override async declareUploadLength(id: string, size: number): Promise<void> {
    await store.updateUpload(this.#deps.database, id, { size });
  }

  read(id: string): AsyncIterable<Uint8Array> {
    return readParts(this.#deps, id);
  }

  /** Of a finished upload the state is removed; its file stays. */
  override async remove(id: string): Promise<void> {
    await removeUpload(this.#deps, id);
  }

  override async deleteExpired(): Promise<number> {
    const { expiresMs } = this.#options;
    const ids = await store.findExpired(this.#deps.database, expiresMs / 1000, EXPIRE_BATCH_SIZE);
    for (const id of ids) await removeUpload(this.#deps, id);
    return ids.length;
  }

  override getExpiration(): number {
    return this.#options.expiresMs;
  }
}

const EXPIRE_BATCH_SIZE = 500;

/** What has arrived of a request that breaks off is kept: that is what the protocol is for. */
async function* untilBroken(readable: Readable): AsyncGenerator<Uint8Array> {
  try {
    yield* readable;
  } catch {
    // The library reports it; the client continues at the offset that was reached.
  }
}
