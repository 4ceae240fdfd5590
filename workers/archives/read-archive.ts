import type { Readable } from 'node:stream';
import { type Entry, fromFd, type ZipFile } from 'yauzl';
import { validated } from '#kit/errors/validation';
import { collectionPath, FORMAT_VERSION, MANIFEST_PATH, Manifest } from './archive-format';

/** The archive cannot be read: a fault of its sender. The message is for the log. */
export class InvalidArchive extends Error {
  override readonly name = 'InvalidArchive';
}

const MAX_ENTRIES = 500_000;
/** Of all entries together: what a person may store, and a bound for decompression bombs. */
const MAX_UNPACKED_BYTES = 64 * 1024 ** 3;
const MAX_MANIFEST_BYTES = 1024 * 1024;
/** Of one record, on one line. */
const MAX_LINE_BYTES = 2 * 1024 * 1024;

/** An archive whose directory has been read. */
export interface ArchiveReader {
  readonly manifest: Manifest;
  /**
   * The records of a collection, one at a time.
   *
   * @throws InvalidArchive for a line that is no JSON object, and for damaged content
   */
  records(service: string, collection: string): AsyncGenerator<object>;
  /** The content of an entry; undefined when the archive has none of that path. */
  content(path: string): Promise<AsyncIterable<Uint8Array> | undefined>;
}

/**
 * Opens an archive. Nothing is unpacked to paths of the archive's choice.
 *
 * @param fd of the ZIP file, which the caller closes
 * @throws InvalidArchive unless it is one that this version writes
 */
export async function openArchive(fd: number): Promise<ArchiveReader> {
  const zip = await openZip(fd);
  const entries = await readDirectory(zip);
  const manifest = await readManifest(zip, entries.get(MANIFEST_PATH));
  return {
    manifest,
    records: (service, collection) => readRecords(zip, entries.get(collectionPath(service, collection))),
    async content(path) {
      const entry = entries.get(path);
      return entry === undefined ? undefined : readEntry(zip, entry);
    },
  };
}

function openZip(fd: number): Promise<ZipFile> {
  return new Promise((resolve, reject) => {
    // Checks paths and sizes itself: no entry leaves its folder or is larger than it says.
    fromFd(fd, { lazyEntries: true, autoClose: false, strictFileNames: true }, (failure, zip) =>
      failure ? reject(new InvalidArchive('not a readable ZIP file', { cause: failure })) : resolve(zip),
    );
  });
}

function readDirectory(zip: ZipFile): Promise<ReadonlyMap<string, Entry>> {
  if (zip.entryCount > MAX_ENTRIES) throw new InvalidArchive('too many entries');
  const entries = new Map<string, Entry>();
  let unpackedBytes = 0;
  return new Promise((resolve, reject) => {
    zip.on('entry', (entry: Entry) => {
      unpackedBytes += entry.uncompressedSize;
      if (entries.has(entry.fileName)) return reject(new InvalidArchive('two entries of one path'));
      if (unpackedBytes > MAX_UNPACKED_BYTES) return reject(new InvalidArchive('too large unpacked'));
      entries.set(entry.fileName, entry);
      zip.readEntry();
    });
    zip.once('end', () => resolve(entries));
    zip.once('error', (failure) =>
      reject(new InvalidArchive('the directory is damaged', { cause: failure })),
    );
    zip.readEntry();
  });
}

async function readManifest(zip: ZipFile, entry: Entry | undefined): Promise<Manifest> {
  if (entry === undefined || entry.uncompressedSize > MAX_MANIFEST_BYTES)
    throw new InvalidArchive(`no ${MANIFEST_PATH} of format version ${FORMAT_VERSION}`);
  const chunks: Uint8Array[] = [];
  for await (const chunk of await readEntry(zip, entry)) chunks.push(chunk);
  try {
    return validated(Manifest, JSON.parse(Buffer.concat(chunks).toString('utf8')));
  } catch (failure) {
    throw new InvalidArchive(`the manifest is not of format version ${FORMAT_VERSION}`, { cause: failure });
  }
}

function openEntry(zip: ZipFile, entry: Entry): Promise<Readable> {
  return new Promise((resolve, reject) => {
    zip.openReadStream(entry, (failure, stream) =>
      failure ? reject(new InvalidArchive('an entry is damaged', { cause: failure })) : resolve(stream),
    );
  });
}

async function readEntry(zip: ZipFile, entry: Entry): Promise<AsyncIterable<Uint8Array>> {
  const stream = await openEntry(zip, entry);
  return (async function* () {
    try {
      yield* stream as AsyncIterable<Uint8Array>;
    } catch (failure) {
      throw new InvalidArchive('an entry is damaged', { cause: failure });
    }
  })();
}

async function* readRecords(zip: ZipFile, entry: Entry | undefined): AsyncGenerator<object> {
  if (entry === undefined) return;
  for await (const line of linesOf(await readEntry(zip, entry))) {
    const json = line.trim().replace(/,$/, '');
    if (json === '' || json === '[' || json === ']') continue;
    yield parseRecord(json);
  }
}

async function* linesOf(content: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let line = '';
  for await (const chunk of content) {
    const parts = (line + decode(decoder, chunk)).split('\n');
    line = parts.pop() ?? '';
    yield* parts;
    if (line.length > MAX_LINE_BYTES) throw new InvalidArchive('a record is too large');
  }
  yield line + decode(decoder);
}

function decode(decoder: TextDecoder, chunk?: Uint8Array): string {
  try {
    return decoder.decode(chunk, { stream: chunk !== undefined });
  } catch (failure) {
    throw new InvalidArchive('a collection is not UTF-8', { cause: failure });
  }
}

function parseRecord(json: string): object {
  try {
    const record: unknown = JSON.parse(json);
    if (typeof record === 'object' && record !== null && !Array.isArray(record)) return record;
  } catch (failure) {
    throw new InvalidArchive('a collection does not have one JSON object per line', { cause: failure });
  }
  throw new InvalidArchive('a collection does not have one JSON object per line');
}
