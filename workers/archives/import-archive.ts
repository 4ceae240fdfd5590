import type { CollectionReport } from '#contracts/gen/archives/v1/archives';
import type {
  ImportResult,
  RecordFile,
  Record as RecordMessage,
} from '#contracts/gen/portability/v1/portability';
import { FILE_MEMBER, type ManifestCollection } from './archive-format';
import type { ArchivesWorkerDeps } from './deps';
import { PORTABLE_SERVICES, type PortableService } from './portable-services';
import type { ArchiveReader } from './read-archive';

const DEADLINE_MS = 30_000;
/** A batch ends at the first of the two; a message may have 4 MB. */
const BATCH_RECORDS = 50;
const BATCH_CHARACTERS = 500_000;
/** As for uploads (`Tus-Max-Size` of media). */
const MAX_FILE_BYTES = 1024 ** 3;

/** Imported for one user, from one archive. */
interface Importing {
  readonly deps: ArchivesWorkerDeps;
  readonly userId: string;
  readonly archive: ArchiveReader;
  /** Aborts at shutdown. */
  readonly closing: AbortSignal;
}

/**
 * Imports an archive as a user's own, service after service. A repeat finds the records of the attempt before.
 *
 * @returns what became of the records of each collection
 * @throws InvalidArchive when it is damaged; what was imported until then remains
 */
export async function importArchive(importing: Importing): Promise<CollectionReport[]> {
  const reports: CollectionReport[] = [];
  const listed = importing.archive.manifest.collections;
  for (const service of PORTABLE_SERVICES) {
    const own = listed.filter((collection) => collection.service === service);
    if (own.length > 0) reports.push(...(await importService(importing, service, own)));
  }
  const known: ReadonlySet<string> = new Set(PORTABLE_SERVICES);
  for (const collection of listed)
    if (!known.has(collection.service)) reports.push(skippedWhole(collection, 'collection.not-found'));
  return reports;
}

/** In the service's order, which is the one its records can be imported in. */
async function importService(
  importing: Importing,
  service: PortableService,
  listed: readonly ManifestCollection[],
): Promise<CollectionReport[]> {
  const client = importing.deps.portability(service);
  const { collections } = await client.listCollections({}, { deadlineMs: DEADLINE_MS });
  const reports: CollectionReport[] = [];
  for (const { name, importable } of collections) {
    const collection = listed.find((each) => each.name === name);
    if (collection === undefined) continue;
    reports.push(
      importable
        ? await importCollection(importing, service, name)
        : skippedWhole(collection, 'collection.read-only'),
    );
  }
  for (const collection of listed)
    if (!collections.some(({ name }) => name === collection.name))
      reports.push(skippedWhole(collection, 'collection.not-found'));
  return reports;
}

const skippedWhole = ({ service, name, records }: ManifestCollection, code: string): CollectionReport => ({
  service,
  name,
  imported: 0,
  existing: 0,
  skipped: records === 0 ? {} : { [code]: records },
});

async function importCollection(
  importing: Importing,
  service: PortableService,
  name: string,
): Promise<CollectionReport> {
  const report: CollectionReport = { service, name, imported: 0, existing: 0, skipped: {} };
  const client = importing.deps.portability(service);
  let batch: RecordMessage[] = [];
  let characters = 0;
  const send = async () => {
    importing.closing.throwIfAborted();
    const { results } = await client.importRecords(
      { user_id: importing.userId, collection: name, records: batch },
      { deadlineMs: DEADLINE_MS },
    );
    for (const result of results) count(report, result);
    batch = [];
    characters = 0;
  };
  for await (const record of importing.archive.records(service, name)) {
    const message = await messageOf(importing, record);
    if (characters + message.json.length > BATCH_CHARACTERS && batch.length > 0) await send();
    batch.push(message);
    characters += message.json.length;
    if (batch.length === BATCH_RECORDS) await send();
  }
  if (batch.length > 0) await send();
  return report;
}

function count(report: CollectionReport, { outcome, code = 'record.invalid' }: ImportResult): void {
  if (outcome === 'imported') report.imported++;
  else if (outcome === 'exists') report.existing++;
  else report.skipped[code] = (report.skipped[code] ?? 0) + 1;
}

/** The record as the service exported it, with its file in the media storage. */
async function messageOf(importing: Importing, record: object): Promise<RecordMessage> {
  const { [FILE_MEMBER]: path, ...data } = record as Record<string, unknown>;
  const file = typeof path === 'string' ? await storeFile(importing, path) : undefined;
  return { json: JSON.stringify(data), file };
}

/** @returns undefined when the archive does not hold the file: the service decides about a record without it */
async function storeFile({ deps, archive }: Importing, path: string): Promise<RecordFile | undefined> {
  const content = await archive.content(path);
  if (content === undefined) return undefined;
  const received = await deps.mediaStorage.receive(content, { maximumBytes: MAX_FILE_BYTES });
  try {
    await received.keep();
    return { sha256: received.sha256, size: received.size, name: 'content' };
  } finally {
    await received.discard();
  }
}
