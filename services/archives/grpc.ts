import { Type } from '@sinclair/typebox';
import { ArchivesServiceDefinition } from '#contracts/gen/archives/v1/archives';
import { Uuid } from '#contracts/messages';
import { validated } from '#kit/errors/validation';
import { grpcService } from '#kit/grpc/server';
import type { ArchivesDeps } from './deps';
import { CollectionCount, CollectionReport } from './model';
import { findReferenced, finishArchive } from './store';

const Completed = Type.Object({
  id: Uuid,
  sha256: Type.RegExp(/^[0-9a-f]{64}$/),
  size: Type.RegExp(/^\d{1,15}$/),
  collections: Type.Array(CollectionCount),
});
const Imported = Type.Object({ id: Uuid, collections: Type.Array(CollectionReport) });
const Failed = Type.Object({ id: Uuid, code: Type.String({ minLength: 1, maxLength: 64 }) });

/** The internal API of archives: for its worker. */
export const archivesGrpc = ({ database }: Pick<ArchivesDeps, 'database'>) =>
  grpcService(ArchivesServiceDefinition, {
    async completeExport(request) {
      const { id, sha256, size, collections } = validated(Completed, request);
      const result = { status: 'complete', sha256, size: Number(size), collections } as const;
      const recorded = await finishArchive(database, { id, kind: 'export' }, result);
      // A repeat of this call, whose first response was lost, must not make the worker delete the file.
      return { recorded: recorded || (await findReferenced(database, [sha256])).has(sha256) };
    },
    async completeImport(request) {
      const { id, collections } = validated(Imported, request);
      const result = { status: 'complete', collections } as const;
      return { recorded: await finishArchive(database, { id, kind: 'import' }, result) };
    },
    async failArchive(request) {
      const { id, code } = validated(Failed, request);
      return { recorded: await finishArchive(database, { id }, { status: 'failed', code }) };
    },
  });
