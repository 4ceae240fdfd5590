import type { Caller } from '#kit/auth/caller';
import { integerKey } from '#kit/http/lists/keys';
import { type Page, type PageQuery, readPageQuery, toPage } from '#kit/http/lists/pagination';
import { inTransaction } from '#kit/mysql/database';
import { publishAvatarIfReady } from '../avatars/service';
import type { MediaDeps } from '../deps';
import { assertManageable, findReadable } from '../files/access';
import type { File } from '../files/model';
import { readFile } from '../files/service';
import { lockMedia, type MediaRow, updateMedia } from '../files/store';
import { contentView } from '../files/views';
import { type FileVersion, VersionNotFound } from './model';
import { shownChecksum } from './rules';
import * as store from './store';

/** Only for callers who may change the file: earlier versions were never shown to others. */
export async function listVersions(
  deps: MediaDeps,
  caller: Caller,
  id: string,
  query: PageQuery,
): Promise<Page<FileVersion>> {
  const { media } = await findReadable(deps, caller, id);
  assertManageable(caller, media);
  const { limit, after } = readPageQuery(query, [integerKey]);
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
    items: await Promise.all(page.items.map((version) => versionView(deps, { media, caller }, version))),
    next_cursor: page.next_cursor,
  };
}

/** Makes an earlier version the current one; the later ones are retained. */
export async function restoreVersion(
  deps: MediaDeps,
  caller: Caller,
  target: { readonly id: string; readonly version: number },
): Promise<File> {
  const { id, version: number } = target;
  await inTransaction(deps.database, async (transaction) => {
    const media = assertManageable(caller, await lockMedia(transaction, id));
    const version = await store.findVersion(transaction, id, number);
    if (version === undefined) throw new VersionNotFound();
    await updateMedia(transaction, id, { currentVersion: number });
    await publishAvatarIfReady(deps, transaction, { ...media, currentVersion: number }, version);
  });
  deps.outbox.wake();
  return readFile(deps, caller, id);
}

async function versionView(
  deps: MediaDeps,
  { media, caller }: { media: MediaRow; caller: Caller },
  version: store.VersionRow,
): Promise<FileVersion> {
  const current = version.version === media.currentVersion;
  // Earlier versions of a public file are no longer public.
  const visibility = current ? media.visibility : 'private';
  const target = { id: media.id, visibility, checksum: shownChecksum(version) } as const;
  return {
    ...contentView(version, media.ownerId === caller.id ? 'owner' : 'others'),
    url: (await deps.urls.contentUrl(target, { version: version.version })).url,
    created_at: version.createdAt.toISOString(),
    current,
  };
}
