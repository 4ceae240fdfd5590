import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { ArchiveExport, ArchiveImport } from '#contracts/jobs/archives';
import { parseEnvelope } from '#contracts/messages';
import { type Collection, portabilityGrpc } from '#kit/grpc/portability';
import { outbox } from '#kit/messaging/tables';
import { migrateDatabase } from '#kit/mysql/migrations';
import { openFolderStorage } from '#kit/storage/folder';
import { archives } from '../../services/archives';
import { archivesGrpc } from '../../services/archives/grpc';
import { archivesWorker } from '../../workers/archives';
import type { ArchivesWorkerDeps } from '../../workers/archives/deps';
import { callerOf } from './call';
import { directClient } from './direct-client';
import { testDatabase, testRuntime } from './servers';
import { testTokens } from './tokens';

/** The archives service on a database and folders of its own, with its worker, which handles jobs when `work` is called. */
export async function startArchives(services: Readonly<Record<string, readonly Collection[]>>) {
  const runtime = testRuntime('archives');
  const storage = await testDatabase();
  const { database } = storage;
  const tokens = await testTokens();
  const folder = await mkdtemp(join(tmpdir(), 'rookery-archives-test-'));
  await migrateDatabase({
    address: storage.address,
    folder: `${import.meta.dir}/../../services/archives/migrations`,
    log: runtime.log,
    signal: runtime.closing,
  });
  const archiveStorage = openFolderStorage(join(folder, 'archives'));
  const mediaStorage = openFolderStorage(join(folder, 'media'));
  const deps = {
    runtime,
    database,
    storage: archiveStorage,
    outbox: { wake() {} },
    tokens: tokens.verifier,
    maxBytes: 10 * 1024 * 1024,
    retentionDays: 7,
  };
  const workerDeps: ArchivesWorkerDeps = {
    archiveStorage,
    mediaStorage,
    archives: directClient(archivesGrpc(deps)),
    portability: (service) => directClient(portabilityGrpc(services[service] ?? [])),
    folder: join(folder, 'work'),
  };
  const app = archives(deps);
  let handled = 0;
  return {
    app,
    call: callerOf(app),
    deps,
    workerDeps,
    archiveStorage,
    mediaStorage,
    async person() {
      const id = Bun.randomUUIDv7();
      return { id, authorization: await tokens.authorization({ id, username: `user${id.slice(-12)}` }) };
    },
    /** Handles the jobs that were enqueued since the last call. */
    async work(options: { attempt?: number; repeat?: boolean } = {}) {
      const { attempt = 1, repeat = false } = options;
      const rows = await database.select().from(outbox).orderBy(outbox.id);
      const context = { attempt, log: pino({ level: 'silent' }), closing: runtime.closing };
      const from = repeat ? Math.max(0, handled - 1) : handled;
      handled = rows.length;
      for (const { payload } of rows.slice(from))
        await archivesWorker(workerDeps).handle(
          parseEnvelope([ArchiveExport, ArchiveImport], Buffer.from(payload)),
          context,
        );
    },
    async close() {
      await runtime.close();
      await storage.drop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
