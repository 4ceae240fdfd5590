import type { File, FileVersion } from './model';
import type { MediaDeps } from './service';
import * as store from './store';
import { findTags } from './tags-store';

/** Files as they are answered. */
export async function viewsOf(deps: MediaDeps, files: readonly store.FileRow[]): Promise<File[]> {
  const ids = files.map(({ media }) => media.id);
  const [tags, sizes] = await Promise.all([
    findTags(deps.database, ids),
    store.findSizes(deps.database, ids),
  ]);
  return Promise.all(
    files.map(async ({ media, version }) => {
      const address = { id: media.id, visibility: media.visibility, checksum: version.sha256 };
      const { url, expiresAt } = await deps.urls.contentUrl(address);
      const own = sizes.filter((size) => size.mediaId === media.id && size.version === version.version);
      return {
        id: media.id,
        owner_id: media.ownerId,
        bucket_name: media.bucketName,
        category_id: media.categoryId,
        visibility: media.visibility,
        tags: tags.get(media.id) ?? [],
        ...contentOf(version),
        url,
        url_expires_at: expiresAt?.toISOString() ?? null,
        sizes: await Promise.all(
          onePerName(own).map(async ({ name, width, height }) => ({
            name,
            width,
            height,
            url: (await deps.urls.contentUrl(address, { size: name })).url,
          })),
        ),
        created_at: media.createdAt.toISOString(),
        updated_at: media.updatedAt.toISOString(),
      };
    }),
  );
}

export async function viewOf(deps: MediaDeps, file: store.FileRow): Promise<File> {
  const [view] = await viewsOf(deps, [file]);
  if (view === undefined) throw new Error('a file has no view');
  return view;
}

export async function versionViewOf(
  deps: MediaDeps,
  media: store.MediaRow,
  version: store.VersionRow,
): Promise<FileVersion> {
  const current = version.version === media.currentVersion;
  // Earlier ones of a public file are no longer public.
  const visibility = current ? media.visibility : 'private';
  const address = { id: media.id, visibility, checksum: version.sha256 } as const;
  return {
    ...contentOf(version),
    url: (await deps.urls.contentUrl(address, { version: version.version })).url,
    created_at: version.createdAt.toISOString(),
    current,
  };
}

const contentOf = (version: store.VersionRow) => ({
  version: version.version,
  file_name: version.fileName,
  type: version.type,
  size: version.size,
  checksum: version.sha256,
  status: version.status,
  code: version.code,
  width: version.width,
  height: version.height,
  frames: version.frames,
  thumbhash: version.thumbhash,
  dominant_color: version.dominantColor,
});

/** A size comes in two formats under one address. */
const onePerName = (sizes: readonly store.SizeRow[]): store.SizeRow[] => [
  ...new Map(sizes.map((size) => [size.name, size])).values(),
];
