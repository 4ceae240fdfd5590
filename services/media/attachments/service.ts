import type { FileSummary } from '#contracts/gen/media/v1/media';
import { isTimeOrderedId, isUuid } from '#kit/core/ids';
import { ValidationFailed } from '#kit/errors/problem';
import { inTransaction } from '#kit/mysql/database';
import type { MediaDeps } from '../deps';
import { lockMedia, updateMedia } from '../files/store';
import * as store from './store';

type AttachmentsDeps = Pick<MediaDeps, 'database'> & {
  readonly urls: Pick<MediaDeps['urls'], 'contentUrl'>;
};

/** A page of 100 posts with four files each. */
const MAX_IDS = 400;

/**
 * The files among these that exist, as other services refer to them.
 *
 * @throws ValidationFailed for too many ids
 */
export async function findAttachments(deps: AttachmentsDeps, ids: readonly string[]): Promise<FileSummary[]> {
  const valid = requireIds(ids);
  if (valid.length === 0) return [];
  const rows = await store.findCurrentVersions(deps.database, valid);
  return Promise.all(
    rows.map(async ({ checksum, ...file }) => {
      const urlAs = async (visibility: 'public' | 'private') =>
        (await deps.urls.contentUrl({ id: file.id, visibility, checksum })).url;
      return { ...file, url: await urlAs(file.visibility), public_url: await urlAs('public') };
    }),
  );
}

/** A post that shows files of its author. */
export interface ShowingPost {
  readonly id: string;
  readonly ownerId: string;
  readonly mediaIds: readonly string[];
  /** Of an archive: the files remain as old as they are. */
  readonly isImported?: boolean;
}

/**
 * Makes the files of a public post public, once for each post and file: what their owner has done since stays. Files of
 * others are left as they are.
 *
 * @throws ValidationFailed for too many ids
 */
export async function publishAttachments(deps: AttachmentsDeps, post: ShowingPost): Promise<void> {
  if (!isTimeOrderedId(post.id)) return;
  for (const mediaId of new Set(requireIds(post.mediaIds)))
    await inTransaction(deps.database, async (transaction) => {
      const media = await lockMedia(transaction, mediaId);
      if (media?.ownerId !== post.ownerId) return;
      if (!(await store.addPost(transaction, { mediaId, postId: post.id }))) return;
      if (media.visibility === 'private')
        await updateMedia(transaction, mediaId, {
          visibility: 'public',
          publicByPosts: true,
          ...(post.isImported === true && { updatedAt: media.updatedAt }),
        });
    });
}

/** Records that a post is deleted. Files that were public only because of it are private again. */
export async function unpublishAttachments(deps: AttachmentsDeps, post: ShowingPost): Promise<void> {
  const ids = new Set([...post.mediaIds, ...(await store.idsShownBy(deps.database, post.id))]);
  for (const mediaId of ids)
    await inTransaction(deps.database, async (transaction) => {
      const media = await lockMedia(transaction, mediaId);
      if (media?.ownerId !== post.ownerId) return;
      await store.endPost(transaction, { mediaId, postId: post.id });
      if (!media.publicByPosts || (await store.isShown(transaction, mediaId))) return;
      await updateMedia(transaction, mediaId, { visibility: 'private', publicByPosts: false });
    });
}

/** As callers of the version before ask: the files stay public. @throws ValidationFailed for too many ids */
export async function publishForGood(
  deps: AttachmentsDeps,
  ownerId: string,
  ids: readonly string[],
): Promise<void> {
  for (const id of new Set(requireIds(ids)))
    await inTransaction(deps.database, async (transaction) => {
      const media = await lockMedia(transaction, id);
      if (media?.ownerId === ownerId && media.visibility === 'private')
        await updateMedia(transaction, id, { visibility: 'public' });
    });
}

function requireIds(ids: readonly string[]): string[] {
  if (ids.length > MAX_IDS)
    throw new ValidationFailed({ errors: [{ field: 'ids', message: `Expected at most ${MAX_IDS} ids` }] });
  return ids.filter(isUuid);
}
