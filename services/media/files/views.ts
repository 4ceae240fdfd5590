import type { Caller } from '#kit/auth/caller';
import type { MediaDeps } from '../deps';
import { findSizes, type SizeRow } from '../processing/store';
import { copyOf, type Shown, shownChecksum } from '../versions/rules';
import type { VersionRow } from '../versions/store';
import type { File } from './model';
import type { FileRow } from './store';
import { findTags } from './tags-store';

type ViewDeps = Pick<MediaDeps, 'database' | 'urls'>;

/** Hydrates files with their tags, sizes and URLs, as the caller sees them. */
export async function viewsOf(
  deps: ViewDeps,
  caller: Pick<Caller, 'id'> | null,
  files: readonly FileRow[],
): Promise<File[]> {
  const ids = files.map(({ media }) => media.id);
  const [tags, sizes] = await Promise.all([findTags(deps.database, ids), findSizes(deps.database, ids)]);
  return Promise.all(
    files.map(async ({ media, version }) => {
      const target = { id: media.id, visibility: media.visibility, checksum: shownChecksum(version) };
      const { url, expiresAt } = await deps.urls.contentUrl(target);
      const own = sizes.filter((size) => size.mediaId === media.id && size.version === version.version);
      return {
        id: media.id,
        owner_id: media.ownerId,
        bucket_name: media.bucketName,
        category_id: media.categoryId,
        visibility: media.visibility,
        tags: tags.get(media.id) ?? [],
        ...contentView(version, media.ownerId === caller?.id ? 'owner' : 'others'),
        url,
        url_expires_at: expiresAt?.toISOString() ?? null,
        sizes: await Promise.all(
          onePerName(own).map(async ({ name, width, height }) => ({
            name,
            width,
            height,
            url: (await deps.urls.contentUrl(target, { size: name })).url,
          })),
        ),
        created_at: media.createdAt.toISOString(),
        updated_at: media.updatedAt.toISOString(),
      };
    }),
  );
}

export async function viewOf(
  deps: ViewDeps,
  caller: Pick<Caller, 'id'> | null,
  file: FileRow,
): Promise<File> {
  const [view] = await viewsOf(deps, caller, [file]);
  if (view === undefined) throw new Error('a file has no view');
  return view;
}

/**
 * What a file shows of its current version, and a version of itself. Size and checksum are those of the original for its owner,
 * and of the copy without metadata for others.
 */
export const contentView = (version: VersionRow, viewer: 'owner' | 'others') => ({
  ...describeContent(version),
  ...sizeAndChecksum((viewer === 'others' ? copyOf(version) : undefined) ?? version),
});

const sizeAndChecksum = ({ size, sha256 }: Shown) => ({ size, checksum: sha256 });

const describeContent = (version: VersionRow) => ({
  version: version.version,
  file_name: version.fileName,
  type: version.type,
  status: version.status,
  code: version.code,
  width: version.width,
  height: version.height,
  frames: version.frames,
  thumbhash: version.thumbhash,
  dominant_color: version.dominantColor,
});

/** A size exists in two formats under one URL. */
const onePerName = (sizes: readonly SizeRow[]): SizeRow[] => [
  ...new Map(sizes.map((size) => [size.name, size])).values(),
];
