import { Readable } from 'node:stream';
import { ZipFile } from 'yazl';
import type { RecordFile } from '#contracts/gen/portability/v1/portability';
import type { FileStorage, ReceivedFile } from '#kit/storage/file-storage';
import {
  collectionPath,
  FILE_MEMBER,
  FORMAT,
  FORMAT_VERSION,
  filePath,
  MANIFEST_PATH,
  type Manifest,
  type ManifestCollection,
} from './archive-format';
import type { ArchivesWorkerDeps } from './deps';
import { PORTABLE_SERVICES, type PortableService } from './portable-services';

/** Reading a page may take a while on a busy database. */
const DEADLINE_MS = 20_000;
/** The archive storage sets no quota; this bounds a mistake, not a person. */
const MAX_BYTES = 1024 ** 4;

/** Written for one archive at a time. */
interface Writing {
  readonly deps: ArchivesWorkerDeps;
  readonly userId: string;
  readonly zip: ZipFile;
  /** Aborts at shutdown. */
  readonly closing: AbortSignal;
}

/**
 * Writes everything that the services store about a user into the archive storage. The bytes are streamed: neither the
 * archive nor a file is ever held in memory.
 *
 * @returns the file, stored but not yet referenced; discard it in every case
 */
export async function writeArchive(
  deps: ArchivesWorkerDeps,
  userId: string,
  closing: AbortSignal,
): Promise<{ file: ReceivedFile; collections: ManifestCollection[] }> {
  const zip = new ZipFile();
  const output = Readable.from(zip.outputStream as AsyncIterable<Uint8Array>);
  const receiving = deps.archiveStorage.receive(output, { maximumBytes: MAX_BYTES });
  // Awaited below; until then neither a rejection nor an error of the stream must end the process.
  receiving.catch(() => undefined);
  output.on('error', () => undefined);
  try {
    const collections = await writeEntries({ deps, userId, zip, closing });
    const file = await receiving;
    await file.keep();
    return { file, collections };
  } catch (failure) {
    output.destroy(failure instanceof Error ? failure : new Error('writing failed'));
    const file = await receiving.catch(() => undefined);
    await file?.discard();
    throw failure;
  }
}

async function writeEntries(writing: Writing): Promise<ManifestCollection[]> {
  const collections: ManifestCollection[] = [];
  for (const service of PORTABLE_SERVICES) {
    const client = writing.deps.portability(service);
    const listed = await client.listCollections({}, { deadlineMs: DEADLINE_MS });
    for (const { name } of listed.collections)
      collections.push(await writeCollection(writing, service, name));
  }
  const manifest: Manifest = {
    format: FORMAT,
    version: FORMAT_VERSION,
    created_at: new Date().toISOString(),
    user_id: writing.userId,
    collections,
  };
  writing.zip.addBuffer(Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`), MANIFEST_PATH);
  writing.zip.end();
  return collections;
}

async function writeCollection(
  writing: Writing,
  service: PortableService,
  name: string,
): Promise<ManifestCollection> {
  const files: RecordFile[] = [];
  let records = 0;
  await addEntry(writing.zip, collectionPath(service, name), linesOf());
  for (const file of files)
    await addEntry(
      writing.zip,
      filePath(service, file.name),
      contentOf(writing.deps.mediaStorage, file),
      // Pictures, audio and video are compressed already.
      { compress: false },
    );
  return { service, name, records, files: files.length };

  async function* linesOf(): AsyncGenerator<string> {
    yield '[';
    for await (const { json, file } of recordsOf(writing, service, name)) {
      if (file !== undefined) files.push(file);
      yield `${records === 0 ? '\n' : ',\n'}${file === undefined ? json : withPath(json, service, file)}`;
      records++;
    }
    yield '\n]\n';
  }
}

async function* recordsOf({ deps, userId, closing }: Writing, service: PortableService, collection: string) {
  const client = deps.portability(service);
  let cursor: string | undefined;
  do {
    closing.throwIfAborted();
    const page = await client.exportRecords(
      { user_id: userId, collection, cursor },
      { deadlineMs: DEADLINE_MS },
    );
    yield* page.records;
    cursor = page.next_cursor;
  } while (cursor !== undefined);
}

const withPath = (json: string, service: PortableService, { name }: RecordFile): string =>
  JSON.stringify({ ...JSON.parse(json), [FILE_MEMBER]: filePath(service, name) });

async function* contentOf(storage: FileStorage, { sha256 }: RecordFile): AsyncGenerator<Uint8Array> {
  yield* await storage.read(sha256);
}

/** Resolves once the entry is written; entries are written one after another. */
function addEntry(
  zip: ZipFile,
  path: string,
  content: AsyncIterable<string | Uint8Array>,
  options: { compress?: boolean } = {},
): Promise<void> {
  const stream = Readable.from(content, { objectMode: false });
  return new Promise((resolve, reject) => {
    stream.once('end', resolve);
    stream.once('error', reject);
    zip.addReadStream(stream, path, options);
  });
}
