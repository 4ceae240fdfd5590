import { type Static, Type } from '@sinclair/typebox';

/**
 * The format of archives, version 1: a ZIP file with
 * - `manifest.json`, the last entry, which lists the collections;
 * - `<service>/<collection>.json` for each collection: an array with one record per line;
 * - `<service>/files/<name>` for each file. The record that it belongs to names it as `archive_path`.
 */
export const FORMAT = 'rookery-archive';
export const FORMAT_VERSION = 1;
export const MANIFEST_PATH = 'manifest.json';

/** The member that is added to a record with a file. */
export const FILE_MEMBER = 'archive_path';

export const Manifest = Type.Object({
  format: Type.Literal(FORMAT),
  version: Type.Literal(FORMAT_VERSION),
  created_at: Type.String({ format: 'date-time' }),
  user_id: Type.String(),
  collections: Type.Array(
    Type.Object({
      service: Type.String({ pattern: '^[a-z][a-z-]{0,40}$' }),
      name: Type.String({ pattern: '^[a-z][a-z-]{0,40}$' }),
      records: Type.Integer({ minimum: 0 }),
      files: Type.Integer({ minimum: 0 }),
    }),
    { maxItems: 1_000 },
  ),
});
export type Manifest = Static<typeof Manifest>;
export type ManifestCollection = Manifest['collections'][number];

export const collectionPath = (service: string, name: string): string => `${service}/${name}.json`;
export const filePath = (service: string, name: string): string => `${service}/files/${name}`;
