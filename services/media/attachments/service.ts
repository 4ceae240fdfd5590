import type { FileSummary } from '#contracts/gen/media/v1/media';
import { isUuid } from '#kit/core/ids';
import { ValidationFailed } from '#kit/errors/problem';
import type { MediaDeps } from '../deps';
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
  await store.makePublic(deps.database, ownerId, valid);
  return (await findAttachments(deps, valid)).filter((file) => file.owner_id === ownerId);
}

function requireIds(ids: readonly string[]): string[] {
  if (ids.length > MAX_IDS)
    throw new ValidationFailed({ errors: [{ field: 'ids', message: `Expected at most ${MAX_IDS} ids` }] });
  return ids.filter(isUuid);
}
