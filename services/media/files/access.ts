import type { Caller } from '#kit/auth/caller';
import { Forbidden } from '#kit/errors/problem';
import type { MediaDeps } from '../deps';
import { FileNotFound } from './model';
import * as store from './store';

/** Its holder has an owner's rights on all files. */
const MANAGE = 'files:manage';

export const canManageAll = (caller: Caller | null): boolean => caller?.permissions.includes(MANAGE) === true;

const ownsOrManages = (media: store.MediaRow, caller: Caller | null): boolean =>
  media.ownerId === caller?.id || canManageAll(caller);

/**
 * @param signed the token and version of a signed URL
 * @throws FileNotFound also for a private file of another user, whose existence is not disclosed
 */
export async function findReadable(
  deps: Pick<MediaDeps, 'database' | 'urls'>,
  caller: Caller | null,
  id: string,
  signed: { readonly token?: string; readonly version?: number } = {},
): Promise<store.FileRow> {
  const file = await store.findFile(deps.database, id);
  if (file === undefined) throw new FileNotFound();
  if (file.media.visibility === 'public' || ownsOrManages(file.media, caller)) return file;
  const { token, version } = signed;
  if (token !== undefined && (await deps.urls.verify(token, { id, version }))) return file;
  throw new FileNotFound();
}

/** @throws FileNotFound, or Forbidden where the caller may see the file */
export function assertManageable(caller: Caller, media: store.MediaRow | undefined): store.MediaRow {
  if (media === undefined) throw new FileNotFound();
  if (ownsOrManages(media, caller)) return media;
  throw media.visibility === 'public' ? new Forbidden() : new FileNotFound();
}
