import type { Caller } from '#kit/auth/caller';
import type { Runtime } from '#kit/core/runtime';
import { Forbidden } from '#kit/errors/problem';
import { type Page, readPageQuery, toPage } from '#kit/http/pagination';
import { inTransaction } from '#kit/mysql/database';
import { forgetAvatar } from './avatars';
import type { BlobsDeps } from './blobs';
import { deleteUnreferenced, releaseReferences } from './blobs';
import { mustExist } from './categories-store';
import type { FileUrls } from './file-urls';
import { type File, type FileChange, FileNotFound, type FileQuery, type FileUrl } from './model';
import * as store from './store';
import * as tagsStore from './tags-store';
import { viewOf, viewsOf } from './views';

export interface MediaDeps extends BlobsDeps {
  readonly runtime: Runtime;
  readonly outbox: { wake(): void };
  readonly urls: FileUrls;
  /** Bytes of all of a person's files, every version counted. */
  readonly quotaBytes: number;
}

/** Who holds it does with all files what owners do with theirs. */
const MANAGE = 'files:manage';
const mayManageAll = (caller: Caller | null): boolean => caller?.permissions.includes(MANAGE) === true;

const ownsOrManages = (media: store.MediaRow, caller: Caller | null): boolean =>
  media.ownerId === caller?.id || mayManageAll(caller);

/** @throws FileNotFound also for a private file of somebody else: whether it exists is theirs to tell */
export async function findReadable(
  deps: MediaDeps,
  id: string,
  caller: Caller | null,
  address: { readonly token?: string; readonly version?: number } = {},
): Promise<store.FileRow> {
  const file = await store.findFile(deps.database, id);
  if (file === undefined) throw new FileNotFound();
  if (file.media.visibility === 'public' || ownsOrManages(file.media, caller)) return file;
  const { token, version } = address;
  if (token !== undefined && (await deps.urls.opens(token, { id, version }))) return file;
  throw new FileNotFound();
}

/** @throws FileNotFound, or Forbidden where the caller can see that there is one */
export function mustManage(media: store.MediaRow | undefined, caller: Caller): store.MediaRow {
  if (media === undefined) throw new FileNotFound();
  if (ownsOrManages(media, caller)) return media;
  throw media.visibility === 'public' ? new Forbidden() : new FileNotFound();
}

export async function readFile(deps: MediaDeps, id: string, caller: Caller | null): Promise<File> {
  return viewOf(deps, await findReadable(deps, id, caller));
}

export async function readFileUrl(deps: MediaDeps, id: string, caller: Caller | null): Promise<FileUrl> {
  const { media, version } = await findReadable(deps, id, caller);
  const { url, expiresAt } = await deps.urls.contentUrl({ ...media, checksum: version.sha256 });
  return { url, expires_at: expiresAt?.toISOString() ?? null };
}

/** What the caller may see: everything public, and what is their own. */
export async function listFiles(
  deps: MediaDeps,
  query: FileQuery,
  caller: Caller | null,
): Promise<Page<File>> {
  const { limit, after } = readPageQuery<[string]>(query, 1);
  const ownerId = query.owner === 'me' ? (caller?.id ?? '') : query.owner;
  if (ownerId === '') return { items: [], next_cursor: null };
  const rows = await store.listFiles(deps.database, {
    readableBy: mayManageAll(caller) ? 'everybody' : (caller?.id ?? null),
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
  return { items: await viewsOf(deps, page.items), next_cursor: page.next_cursor };
}

export async function changeFile(
  deps: MediaDeps,
  id: string,
  change: FileChange,
  caller: Caller,
): Promise<File> {
  if (change.category_id) await mustExist(deps.database, change.category_id);
  await inTransaction(deps.database, async (transaction) => {
    mustManage(await store.lockMedia(transaction, id), caller);
    await store.updateMedia(transaction, id, {
      ...(change.visibility !== undefined && { visibility: change.visibility }),
      ...(change.category_id !== undefined && { categoryId: change.category_id }),
    });
  });
  return readFile(deps, id, caller);
}

export async function replaceTags(
  deps: MediaDeps,
  id: string,
  tags: readonly string[],
  caller: Caller,
): Promise<File> {
  await inTransaction(deps.database, async (transaction) => {
    mustManage(await store.lockMedia(transaction, id), caller);
    await tagsStore.replaceTags(transaction, id, tags);
    await store.updateMedia(transaction, id, {});
  });
  return readFile(deps, id, caller);
}

/** Deletes a file with all its versions; their bytes too, unless another file has the same. */
export async function deleteFile(deps: MediaDeps, id: string, caller: Caller): Promise<void> {
  await removeFile(deps, id, (media) => mustManage(media, caller));
}

/** As many files as are deleted before it is looked for more. */
const ERASED_FILES = 100;

/** Deletes everything of a person who has been erased. */
export async function forgetPerson(deps: MediaDeps, ownerId: string): Promise<void> {
  for (;;) {
    const ids = await store.idsOfOwner(deps.database, ownerId, ERASED_FILES);
    if (ids.length === 0) return;
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
    await forgetAvatar(transaction, media);
    const deleted = await store.deleteMedia(transaction, id);
    await store.subtractUsage(transaction, media.ownerId, deleted.versionBytes);
    await releaseReferences(transaction, deleted.names);
    return deleted.names;
  });
  deps.outbox.wake();
  // It is deleted for everybody already: what fails now the sweeper does.
  await deleteUnreferenced(deps, names).catch((failure: unknown) =>
    deps.runtime.log.warn({ err: failure }, 'bytes that nothing refers to could not be deleted yet'),
  );
}
