import type { Caller } from '#kit/auth/caller';
import { uuidKey } from '#kit/http/lists/keys';
import { type Page, readPageQuery, toPage } from '#kit/http/lists/pagination';
import { inTransaction } from '#kit/mysql/database';
import { removeAvatarOf } from '../avatars/service';
import { deleteUnreferenced, releaseReferences } from '../blobs/store';
import { requireCategory } from '../categories/store';
import type { MediaDeps } from '../deps';
import { removeUploadsOfUser } from '../resumable/parts';
import { shownChecksum } from '../versions/rules';
import { assertManageable, canManageAll, findReadable } from './access';
import type { File, FileChange, FileQuery, FileUrl } from './model';
import * as store from './store';
import * as tagsStore from './tags-store';
import { deleteUsage, subtractUsage } from './usage-store';
import { viewOf, viewsOf } from './views';

export async function readFile(deps: MediaDeps, caller: Caller | null, id: string): Promise<File> {
  return viewOf(deps, caller, await findReadable(deps, caller, id));
}

export async function readFileUrl(deps: MediaDeps, caller: Caller | null, id: string): Promise<FileUrl> {
  const { media, version } = await findReadable(deps, caller, id);
  const { url, expiresAt } = await deps.urls.contentUrl({ ...media, checksum: shownChecksum(version) });
  return { url, expires_at: expiresAt?.toISOString() ?? null };
}

/** Lists public files and the caller's own. */
export async function listFiles(
  deps: MediaDeps,
  caller: Caller | null,
  query: FileQuery,
): Promise<Page<File>> {
  const { limit, after } = readPageQuery(query, [uuidKey]);
  const ownerId = query.owner === 'me' ? (caller?.id ?? '') : query.owner;
  if (ownerId === '') return { items: [], next_cursor: null };
  const rows = await store.listFiles(deps.database, {
    readableBy: canManageAll(caller) ? 'everybody' : (caller?.id ?? null),
    tag: query.tag,
    categoryId: query.category,
    ownerId,
    type: query.type,
    beforeId: after?.[0] ?? null,
    limit: limit + 1,
  });
  const page = toPage(
    rows,
    limit,
    ({ media }) => [media.id],
    (row) => row,
  );
  return { items: await viewsOf(deps, caller, page.items), next_cursor: page.next_cursor };
}

export async function changeFile(
  deps: MediaDeps,
  caller: Caller,
  id: string,
  change: FileChange,
): Promise<File> {
  if (change.category_id) await requireCategory(deps.database, change.category_id);
  await inTransaction(deps.database, async (transaction) => {
    const media = assertManageable(caller, await store.lockMedia(transaction, id));
    // Others hold its public URL, which shows nothing any more.
    if (change.visibility === 'private') await removeAvatarOf(transaction, media);
    await store.updateMedia(transaction, id, {
      // From now on as the owner says, whatever becomes of the posts that show it.
      ...(change.visibility !== undefined && { visibility: change.visibility, publicByPosts: false }),
      ...(change.category_id !== undefined && { categoryId: change.category_id }),
    });
  });
  deps.outbox.wake();
  return readFile(deps, caller, id);
}

export async function replaceTags(
  deps: MediaDeps,
  caller: Caller,
  id: string,
  tags: readonly string[],
): Promise<File> {
  await inTransaction(deps.database, async (transaction) => {
    assertManageable(caller, await store.lockMedia(transaction, id));
    await tagsStore.replaceTags(transaction, id, tags);
    await store.updateMedia(transaction, id, {});
  });
  return readFile(deps, caller, id);
}

/** Deletes a file with all its versions, and their content unless another file has the same. */
export async function deleteFile(deps: MediaDeps, caller: Caller, id: string): Promise<void> {
  await removeFile(deps, id, (media) => assertManageable(caller, media));
}

const ERASURE_BATCH_SIZE = 100;

/** Deletes all files of an erased user, and what they have not finished uploading. */
export async function deleteFilesOfUser(deps: MediaDeps, userId: string): Promise<void> {
  await removeUploadsOfUser(deps, userId);
  for (;;) {
    const ids = await store.idsOfOwner(deps.database, userId, ERASURE_BATCH_SIZE);
    if (ids.length === 0) return deleteUsage(deps.database, userId);
    for (const id of ids) await removeFile(deps, id, () => undefined);
  }
}

async function removeFile(
  deps: MediaDeps,
  id: string,
  check: (media: store.MediaRow | undefined) => void,
): Promise<void> {
  const names = await inTransaction(deps.database, async (transaction) => {
    const media = await store.lockMedia(transaction, id);
    check(media);
    if (media === undefined) return [];
    await removeAvatarOf(transaction, media);
    const deleted = await store.deleteMedia(transaction, id);
    await subtractUsage(transaction, media.ownerId, deleted.versionBytes);
    await releaseReferences(transaction, deleted.names);
    return deleted.names;
  });
  deps.outbox.wake();
  // The file is deleted for every reader already; the periodic clean-up deletes what fails here.
  await deleteUnreferenced(deps, names).catch((failure: unknown) =>
    deps.runtime.log.warn({ err: failure }, 'unreferenced blobs could not be deleted; clean-up will retry'),
  );
}
