import type { Caller } from '#kit/auth/caller';
import { type Page, type PageQuery, readPageQuery, toPage } from '#kit/http/pagination';
import { inTransaction } from '#kit/mysql/database';
import { announceAvatar } from './avatars';
import { type File, type FileVersion, VersionNotFound } from './model';
import { findReadable, type MediaDeps, mustManage, readFile } from './service';
import * as store from './store';
import { versionViewOf } from './views';

/** Every version there has been, newest first: for who may change the file, as earlier ones were not shown to others. */
export async function listVersions(
  deps: MediaDeps,
  id: string,
  query: PageQuery,
  caller: Caller,
): Promise<Page<FileVersion>> {
  const { media } = await findReadable(deps, id, caller);
  mustManage(media, caller);
  const { limit, after } = readPageQuery<[string]>(query, 1);
  const rows = await store.listVersions(deps.database, id, {
    beforeVersion: after === null ? null : Number(after[0]),
    limit: limit + 1,
  });
  const page = toPage(
    rows,
    limit,
    ({ version }) => [String(version)],
    (row) => row,
  );
  return {
    items: await Promise.all(page.items.map((version) => versionViewOf(deps, media, version))),
    next_cursor: page.next_cursor,
  };
}

/** Shows an earlier version again; the others stay. */
export async function restoreVersion(
  deps: MediaDeps,
  id: string,
  number: number,
  caller: Caller,
): Promise<File> {
  await inTransaction(deps.database, async (transaction) => {
    const media = mustManage(await store.lockMedia(transaction, id), caller);
    const version = await store.findVersion(transaction, id, number);
    if (version === undefined) throw new VersionNotFound();
    await store.updateMedia(transaction, id, { currentVersion: number });
    await announceAvatar(deps, transaction, { ...media, currentVersion: number }, version);
  });
  deps.outbox.wake();
  return readFile(deps, id, caller);
}
