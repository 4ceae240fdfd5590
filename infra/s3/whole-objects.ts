import { createHash, type Hash } from 'node:crypto';
import { mkdir, rename } from 'node:fs/promises';
import { IncomingMessage } from 'node:http';
import { dirname } from 'node:path';
import FilesystemStore, { type NewObject } from 's3rver/lib/stores/filesystem.js';
import { stageFile } from '#kit/storage/staging';

/**
 * Objects appear when they are completely on disk, as S3 promises. s3rver itself writes them under their names, and replies before
 * the last bytes are written: killed meanwhile, it would keep a part of an object as if it were all of it.
 */
export class WholeObjects extends FilesystemStore {
  readonly #staging: string;

  /** @param options.staging in the file system of the buckets, but not among them */
  constructor(options: { readonly buckets: string; readonly staging: string }) {
    super(options.buckets);
    this.#staging = options.staging;
  }

  override async putObject(object: NewObject): Promise<{ size: number; md5: string }> {
    const { bucket, key, content, metadata } = object;
    const hash = createHash('md5');
    const { path, size } = await stageFile(
      this.#staging,
      hashed(complete(content), hash),
      Number.MAX_SAFE_INTEGER,
    );
    const target = this.getResourcePath(bucket, key, 'object');
    await mkdir(dirname(target), { recursive: true });
    const md5 = hash.digest('hex');
    await this.putMetadata(bucket, key, metadata, md5);
    await rename(path, target);
    return { size, md5 };
  }
}

async function* hashed(content: AsyncIterable<Uint8Array>, hash: Hash) {
  for await (const bytes of content) {
    hash.update(bytes);
    yield bytes;
  }
}

/** @throws when a request ends before its Content-Length */
async function* complete(content: NewObject['content']): AsyncGenerator<Uint8Array> {
  if (Buffer.isBuffer(content)) return yield content;
  let size = 0;
  for await (const bytes of content) {
    size += bytes.byteLength;
    yield bytes;
  }
  const declared = content instanceof IncomingMessage ? content.headers['content-length'] : undefined;
  if (declared !== undefined && Number(declared) !== size)
    throw new Error(`The request broke off after ${size} of ${declared} bytes`);
}
