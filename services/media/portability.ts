import { Type } from '@sinclair/typebox';
import { Timestamp, Uuid } from '#contracts/messages';
import { validated } from '#kit/errors/validation';
import {
  EXPORT_PAGE_SIZE,
  type ExportedPage,
  exportedPage,
  pastTime,
  portabilityGrpc,
  wholeCollection,
} from '#kit/grpc/portability';
import { nullable } from '#kit/http/schemas';
import { findAvatar } from './avatars/store';
import { Title } from './categories/model';
import { importCategory } from './categories/service';
import { listCategories } from './categories/store';
import type { MediaDeps } from './deps';
import { type FileRow, listFiles } from './files/store';
import { findTags } from './files/tags-store';
import { contentView } from './files/views';
import { extensionOf } from './uploads/file-types';
import { importFile } from './uploads/import';
import { listOldVersions, type VersionRow } from './versions/store';

const CategoryRecord = Type.Object({
  id: Uuid,
  title: Title,
  parent_id: nullable(Uuid),
  created_at: Timestamp,
});

/** The data of people in this service. */
export const mediaPortability = (deps: MediaDeps) =>
  portabilityGrpc([
    {
      name: 'categories',
      async exportPage(userId) {
        // Parents come first.
        const own = (await listCategories(deps.database)).filter(({ createdBy }) => createdBy === userId);
        return wholeCollection(
          own.map(({ id, title, parentId, path, createdAt }) => ({
            id,
            title,
            parent_id: parentId,
            path,
            created_at: createdAt.toISOString(),
          })),
        );
      },
      async importRecord({ userId, data }) {
        const { id, title, parent_id: parentId, created_at } = validated(CategoryRecord, data);
        return importCategory(deps, userId, { id, title, parentId, createdAt: pastTime(created_at) });
      },
    },
    {
      name: 'files',
      exportPage: (userId, cursor) => exportFiles(deps, userId, cursor),
      importRecord: (record) => importFile(deps, record),
    },
    // The current version of a file is part of the file; the history before it is not imported.
    { name: 'old-versions', exportPage: (userId, cursor) => exportOldVersions(deps, userId, cursor) },
  ]);

async function exportFiles(
  { database }: MediaDeps,
  userId: string,
  cursor: string | undefined,
): Promise<ExportedPage> {
  const files = await listFiles(database, {
    readableBy: userId,
    ownerId: userId,
    tag: undefined,
    categoryId: undefined,
    type: undefined,
    beforeId: cursor ?? null,
    limit: EXPORT_PAGE_SIZE,
  });
  const ids = files.map(({ media }) => media.id);
  const [tags, avatarId] = await Promise.all([findTags(database, ids), findAvatar(database, userId)]);
  return exportedPage(files, {
    key: ({ media }) => media.id,
    record: (file) => ({
      data: recordOf(file, tags.get(file.media.id) ?? [], avatarId),
      file: contentOf(file.version, file.media.id),
    }),
  });
}

const recordOf = ({ media, version }: FileRow, tags: readonly string[], avatarId: string | undefined) => ({
  id: media.id,
  bucket_name: media.bucketName,
  category_id: media.categoryId,
  // As its owner has set it; what posts show is public because of them, also after an import.
  visibility: media.publicByPosts ? ('private' as const) : media.visibility,
  tags,
  is_avatar: media.id === avatarId,
  ...contentView(version, 'owner'),
  created_at: media.createdAt.toISOString(),
  updated_at: media.updatedAt.toISOString(),
});

async function exportOldVersions(
  { database }: MediaDeps,
  userId: string,
  cursor: string | undefined,
): Promise<ExportedPage> {
  const [mediaId, version] = cursor?.split('/') ?? [];
  const after = mediaId === undefined ? null : { mediaId, version: Number(version) };
  const rows = await listOldVersions(database, userId, { after, limit: EXPORT_PAGE_SIZE });
  return exportedPage(rows, {
    key: (row) => `${row.mediaId}/${row.version}`,
    record: (row) => ({
      data: { file_id: row.mediaId, ...contentView(row, 'owner'), created_at: row.createdAt.toISOString() },
      file: contentOf(row, `${row.mediaId}-${row.version}`),
    }),
  });
}

/** Named by its id: the name that was sent may be anything. */
const contentOf = ({ sha256, size, type }: VersionRow, name: string) => ({
  sha256,
  size,
  name: `${name}.${extensionOf(type)}`,
});
