import { mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ArchiveExport, ArchiveImport } from '#contracts/jobs/archives';
import type { MessageOf } from '#contracts/messages';
import { BodyTooLarge } from '#kit/errors/problem';
import type { MessageContext } from '#kit/messaging/delivery';
import { BytesMissing } from '#kit/storage/file-storage';
import type { JobWorker } from '#kit/worker';
import type { ArchivesWorkerDeps } from './deps';
import { importArchive } from './import-archive';
import { InvalidArchive, openArchive } from './read-archive';
import { writeArchive } from './write-archive';

const RECORD_DEADLINE_MS = 10_000;

/**
 * Writes and imports archives, one at a time. A repeated export writes another file, of which the service keeps the first;
 * a repeated import finds what was imported before.
 */
export const archivesWorker = (
  deps: ArchivesWorkerDeps,
): JobWorker<typeof ArchiveExport | typeof ArchiveImport> => ({
  source: { jobs: [ArchiveExport, ArchiveImport] },
  concurrency: 1,
  handle: (message, context) =>
    message.name === 'archive.export'
      ? handleExport(deps, message, context)
      : handleImport(deps, message, context),
});

async function handleExport(
  deps: ArchivesWorkerDeps,
  { data }: MessageOf<typeof ArchiveExport>,
  context: MessageContext,
): Promise<void> {
  const { export_id: id, user_id: userId } = data;
  await failOnLastAttempt(deps, id, context, async () => {
    const { file, collections } = await writeArchive(deps, userId, context.closing);
    try {
      const { recorded } = await deps.archives.completeExport(
        { id, sha256: file.sha256, size: String(file.size), collections },
        { deadlineMs: RECORD_DEADLINE_MS },
      );
      context.log.info({ export_id: id, size: file.size, recorded }, 'archive written');
      if (!recorded) await deps.archiveStorage.delete(file.sha256);
    } finally {
      await file.discard();
    }
  });
}

async function handleImport(
  deps: ArchivesWorkerDeps,
  { data }: MessageOf<typeof ArchiveImport>,
  context: MessageContext,
): Promise<void> {
  const { import_id: id, user_id: userId, sha256 } = data;
  await failOnLastAttempt(deps, id, context, async () => {
    await mkdir(deps.folder, { recursive: true });
    const folder = await mkdtemp(join(deps.folder, 'import-'));
    try {
      const path = join(folder, 'archive.zip');
      await Bun.write(path, new Response(await deps.archiveStorage.read(sha256)));
      const collections = await importFile(deps, { path, userId, closing: context.closing });
      await deps.archives.completeImport({ id, collections }, { deadlineMs: RECORD_DEADLINE_MS });
      context.log.info({ import_id: id }, 'archive imported');
    } catch (failure) {
      const code = refusalOf(failure);
      if (code === undefined) throw failure;
      context.log.info({ err: failure, import_id: id }, 'archive refused');
      await deps.archives.failArchive({ id, code }, { deadlineMs: RECORD_DEADLINE_MS });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}

async function importFile(
  deps: ArchivesWorkerDeps,
  { path, userId, closing }: { path: string; userId: string; closing: AbortSignal },
) {
  const handle = await open(path);
  try {
    const archive = await openArchive(handle.fd);
    return await importArchive({ deps, userId, archive, closing });
  } finally {
    await handle.close();
  }
}

/** A refusal is an answer to the sender, not a failure of ours. */
function refusalOf(failure: unknown): string | undefined {
  if (failure instanceof InvalidArchive) return 'archive.invalid';
  if (failure instanceof BodyTooLarge) return 'archive.file-too-large';
  if (failure instanceof BytesMissing) return 'archive.bytes-missing';
  return undefined;
}

/** After the last attempt the job is parked for operators, and its owner sees that it failed. */
async function failOnLastAttempt(
  deps: ArchivesWorkerDeps,
  id: string,
  { attempt, closing }: MessageContext,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (failure) {
    if (attempt >= ArchiveExport.maxAttempts && !closing.aborted)
      await deps.archives.failArchive(
        { id, code: 'archive.unavailable' },
        { deadlineMs: RECORD_DEADLINE_MS },
      );
    throw failure;
  }
}
