import { type Static, Type } from '@sinclair/typebox';
import { defineProblem } from '#kit/errors/problem';
import { PageOf } from '#kit/http/lists/pagination';
import { nullable } from '#kit/http/schemas';

export const ExportNotFound = defineProblem('export.not-found', 404, 'Export not found');
export const ImportNotFound = defineProblem('import.not-found', 404, 'Import not found');
/** One at a time: each reads or writes all data of its owner. */
export const ArchivePending = defineProblem('archive.pending', 409, 'Export or import in progress');
export const TooManyArchives = defineProblem('archive.too-many', 429, 'Too many exports or imports');
export const ExportNotReady = defineProblem('export.not-ready', 409, 'Export not ready');
export const ArchiveInvalid = defineProblem('archive.invalid', 422, 'Invalid archive');

/** The media type of archives and their file name extension. */
export const ARCHIVE_TYPE = 'application/zip';

export const ExportParams = Type.Object({ id: Type.String({ maxLength: 36 }) });

const Status = (description: string) =>
  Type.Union([Type.Literal('pending'), Type.Literal('complete'), Type.Literal('failed')], { description });

export const CollectionCount = Type.Object({
  service: Type.String({ examples: ['timelines'] }),
  name: Type.String({ examples: ['posts'] }),
  records: Type.Integer({ minimum: 0 }),
  files: Type.Integer({ minimum: 0 }),
});
export type CollectionCount = Static<typeof CollectionCount>;

export const CollectionReport = Type.Object({
  service: Type.String({ examples: ['timelines'] }),
  name: Type.String({ examples: ['posts'] }),
  imported: Type.Integer({ minimum: 0 }),
  existing: Type.Integer({ minimum: 0, description: 'Records that were there before' }),
  skipped: Type.Record(Type.String(), Type.Integer({ minimum: 1 }), {
    description: 'How many records were not imported, by the code of the reason',
    examples: [{ 'id.taken': 1 }],
  }),
});
export type CollectionReport = Static<typeof CollectionReport>;

const common = {
  id: Type.String(),
  status: Status('`complete` once the work is done; `failed` with a `code`'),
  code: nullable(Type.String({ description: 'Why it failed', examples: ['archive.invalid'] })),
  created_at: Type.String({ format: 'date-time' }),
  finished_at: nullable(Type.String({ format: 'date-time' })),
};

export const Export = Type.Object({
  ...common,
  size: nullable(Type.Integer({ description: 'Bytes of the file' })),
  url: nullable(Type.String({ description: 'Where the file is, for its owner' })),
  expires_at: Type.String({ format: 'date-time', description: 'When the export is deleted' }),
  collections: Type.Array(CollectionCount),
});
export type Export = Static<typeof Export>;

export const Import = Type.Object({ ...common, collections: Type.Array(CollectionReport) });
export type Import = Static<typeof Import>;

export const ExportPage = PageOf(Export);
export const ImportPage = PageOf(Import);
