import { and, eq, inArray } from 'drizzle-orm';
import type { FileSummary } from '#contracts/gen/media/v1/media';
import { isUuid } from '#kit/core/ids';
import { ValidationFailed } from '#kit/errors/problem';
import { DATABASE_NOW } from '#kit/mysql/columns';
import type { Database } from '#kit/mysql/database';
import { media, mediaVersions } from './schema';

/** Files as other services refer to them. */
interface AttachmentsDeps {
  readonly database: Database;
  readonly urls: {
    contentUrl(file: {
      readonly id: string;
      readonly visibility: 'public' | 'private';
      readonly checksum: string;
    }): Promise<{ url: string }>;
  };
}

/** A page of 100 posts with four files each. */
const MAX_IDS = 400;

/**
 * The files among these that exist.
 *
 * @throws ValidationFailed for too many ids
 */
export async function findAttachments(deps: AttachmentsDeps, ids: readonly string[]): Promise<FileSummary[]> {
  const valid = requireIds(ids);
  if (valid.length === 0) return [];
  const rows = await deps.database
    .select({
      id: media.id,
      owner_id: media.ownerId,
      type: mediaVersions.type,
      status: mediaVersions.status,
      visibility: media.visibility,
      checksum: mediaVersions.sha256,
    })
    .from(media)
    .innerJoin(
      mediaVersions,
      and(eq(mediaVersions.mediaId, media.id), eq(mediaVersions.version, media.currentVersion)),
    )
    .where(inArray(media.id, valid));
  return Promise.all(
    rows.map(async ({ checksum, ...file }) => {
      const { url } = await deps.urls.contentUrl({ id: file.id, visibility: file.visibility, checksum });
      return { ...file, url };
    }),
  );
}

/**
 * Makes files of one owner public. Idempotent.
 *
 * @returns those of the owner
 * @throws ValidationFailed for too many ids
 */
export async function publishAttachments(
  deps: AttachmentsDeps,
  ownerId: string,
  ids: readonly string[],
): Promise<FileSummary[]> {
  const valid = requireIds(ids);
  if (valid.length === 0 || !isUuid(ownerId)) return [];
  await deps.database
    .update(media)
    .set({ visibility: 'public', updatedAt: DATABASE_NOW })
    .where(and(inArray(media.id, valid), eq(media.ownerId, ownerId), eq(media.visibility, 'private')));
  return (await findAttachments(deps, valid)).filter((file) => file.owner_id === ownerId);
}

function requireIds(ids: readonly string[]): string[] {
  if (ids.length > MAX_IDS)
    throw new ValidationFailed({ errors: [{ field: 'ids', message: `Expected at most ${MAX_IDS} ids` }] });
  return ids.filter(isUuid);
}
