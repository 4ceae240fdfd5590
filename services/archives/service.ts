import { ArchiveExport, ArchiveImport } from '#contracts/jobs/archives';
import type { Caller } from '#kit/auth/caller';
import { uuidv7 } from '#kit/core/ids';
import { UnsupportedMediaType } from '#kit/errors/problem';
import { uuidKey } from '#kit/http/lists/keys';
import { type Page, type PageQuery, readPageQuery, toPage } from '#kit/http/lists/pagination';
import { outboxEntry, writeOutbox } from '#kit/messaging/outbox';
import { inTransaction, type Transaction } from '#kit/mysql/database';
import type { ReceivedFile } from '#kit/storage/file-storage';
import { mediaTypeOf } from '#kit/text/media-type';
import type { ArchivesDeps } from './deps';
import { deleteWithFile } from './files';
import * as model from './model';
import * as store from './store';
import { exportView, importView } from './views';

const DAY_MS = 24 * 60 * 60_000;
/** Each reads or writes everything that a person has. */
const MAX_PER_DAY = 10;
/** The local file header that every ZIP file with content begins with (APPNOTE.TXT, section 4.3.7). */
const ZIP_SIGNATURE = [0x50, 0x4b, 0x03, 0x04];

export async function startExport(deps: ArchivesDeps, caller: Caller): Promise<model.Export> {
  const id = uuidv7();
  await inTransaction(deps.database, async (transaction) => {
    await assertMayStart(transaction, caller);
    await store.insertArchive(transaction, { id, ownerId: caller.id, kind: 'export' });
    await writeOutbox(transaction, [
      outboxEntry(
        ArchiveExport,
        { export_id: id, user_id: caller.id },
        { aggregate: aggregateOf(id), actor: caller.id },
      ),
    ]);
  });
  deps.outbox.wake();
  return readExport(deps, caller, id);
}

/**
 * Stores an uploaded archive and starts its import.
 *
 * @throws UnsupportedMediaType, BodyTooLarge, ArchiveInvalid for anything that is no ZIP file, ArchivePending, TooManyArchives
 */
export async function startImport(
  deps: ArchivesDeps,
  caller: Caller,
  request: Request,
): Promise<model.Import> {
  const type = mediaTypeOf(request.headers.get('content-type'));
  if (type !== model.ARCHIVE_TYPE || request.body === null)
    throw new UnsupportedMediaType({ detail: `Send the archive as ${model.ARCHIVE_TYPE}.` });
  // Refused before its bytes are read, where possible.
  await inTransaction(deps.database, (transaction) => assertMayStart(transaction, caller));
  const received = await deps.storage.receive(request.body, { maximumBytes: deps.maxBytes });
  try {
    await assertZip(received);
    return await recordImport(deps, caller, received);
  } finally {
    await received.discard();
  }
}

async function recordImport(
  deps: ArchivesDeps,
  caller: Caller,
  received: ReceivedFile,
): Promise<model.Import> {
  const id = uuidv7();
  const { sha256, size } = received;
  await received.keep();
  await inTransaction(deps.database, async (transaction) => {
    await assertMayStart(transaction, caller);
    await store.insertArchive(transaction, { id, ownerId: caller.id, kind: 'import', sha256, size });
    // A clean-up may have deleted an equal file just before; the row prevents it from now on.
    if (!(await deps.storage.holds(sha256))) await received.keep();
    await writeOutbox(transaction, [
      outboxEntry(
        ArchiveImport,
        { import_id: id, user_id: caller.id, sha256 },
        { aggregate: aggregateOf(id), actor: caller.id },
      ),
    ]);
  });
  deps.outbox.wake();
  return readImport(deps, caller, id);
}

const aggregateOf = (id: string) => ({ type: 'archive', id, version: 1 });

async function assertZip({ path }: ReceivedFile): Promise<void> {
  const head = new Uint8Array(await Bun.file(path).slice(0, ZIP_SIGNATURE.length).arrayBuffer());
  if (ZIP_SIGNATURE.some((byte, index) => head[index] !== byte))
    throw new model.ArchiveInvalid({ detail: 'Send the ZIP file of an export.' });
}

async function assertMayStart(transaction: Transaction, caller: Caller): Promise<void> {
  const recent = await store.lockRecentArchives(transaction, caller.id, new Date(Date.now() - DAY_MS));
  if (recent.some(({ status }) => status === 'pending'))
    throw new model.ArchivePending({ detail: 'Wait until your last export or import is complete.' });
  if (recent.length < MAX_PER_DAY) return;
  const oldest = Math.min(...recent.map(({ createdAt }) => createdAt.getTime()));
  const retryAfterSeconds = Math.max(1, Math.ceil((oldest + DAY_MS - Date.now()) / 1000));
  throw new model.TooManyArchives({
    detail: `At most ${MAX_PER_DAY} exports and imports a day.`,
    headers: { 'retry-after': String(retryAfterSeconds) },
  });
}

export async function readExport(deps: ArchivesDeps, caller: Caller, id: string): Promise<model.Export> {
  return exportView(await requireExport(deps, caller, id), deps.retentionDays);
}

export async function readImport(deps: ArchivesDeps, caller: Caller, id: string): Promise<model.Import> {
  const row = await store.findArchive(deps.database, { id, ownerId: caller.id, kind: 'import' });
  if (row === undefined) throw new model.ImportNotFound();
  return importView(row);
}

export async function listExports(
  deps: ArchivesDeps,
  caller: Caller,
  query: PageQuery,
): Promise<Page<model.Export>> {
  return listPage(deps, { ownerId: caller.id, kind: 'export' }, query, (row) =>
    exportView(row, deps.retentionDays),
  );
}

export async function listImports(
  deps: ArchivesDeps,
  caller: Caller,
  query: PageQuery,
): Promise<Page<model.Import>> {
  return listPage(deps, { ownerId: caller.id, kind: 'import' }, query, importView);
}

async function listPage<View>(
  deps: ArchivesDeps,
  list: { ownerId: string; kind: store.ArchiveKind },
  query: PageQuery,
  view: (row: store.ArchiveRow) => View,
): Promise<Page<View>> {
  const { limit, after } = readPageQuery(query, [uuidKey]);
  const rows = await store.listArchives(deps.database, {
    ...list,
    beforeId: after?.[0] ?? null,
    limit: limit + 1,
  });
  return toPage(rows, limit, ({ id }) => [id], view);
}

/** Sends the file of an export. */
export async function downloadExport(deps: ArchivesDeps, caller: Caller, id: string): Promise<Response> {
  const { sha256, size, createdAt } = await requireExport(deps, caller, id);
  if (sha256 === null || size === null)
    throw new model.ExportNotReady({ detail: 'Read the export until its status is `complete`.' });
  const date = createdAt.toISOString().slice(0, 10);
  return new Response(await deps.storage.read(sha256), {
    headers: {
      'content-type': model.ARCHIVE_TYPE,
      'content-length': String(size),
      'content-disposition': `attachment; filename=rookery-${date}.zip`,
      'cache-control': 'private, no-store',
      etag: `"${sha256}"`,
    },
  });
}

export async function deleteExport(deps: ArchivesDeps, caller: Caller, id: string): Promise<void> {
  await deleteWithFile(deps, await requireExport(deps, caller, id), store.markDeleted);
}

/** Deletes everything of an erased user. Idempotent. */
export async function deleteArchivesOf(deps: ArchivesDeps, ownerId: string): Promise<void> {
  for (const archive of await store.listArchivesOf(deps.database, ownerId))
    await deleteWithFile(deps, archive);
}

async function requireExport(deps: ArchivesDeps, caller: Caller, id: string): Promise<store.ArchiveRow> {
  const row = await store.findArchive(deps.database, { id, ownerId: caller.id, kind: 'export' });
  if (row === undefined) throw new model.ExportNotFound();
  return row;
}
