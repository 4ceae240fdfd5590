import type { FileSummary } from '#contracts/gen/media/v1/media';
import { type FieldError, ValidationFailed } from '#kit/errors/problem';
import type { TimelinesDeps } from '../deps';
import type { Draft } from './draft';

/** Files are optional in a response: a page waits no longer for them. */
const FILES_DEADLINE_MS = 250;

/**
 * Looks up the files and the poll of a draft, which must be the author's own.
 *
 * @returns the files
 * @throws ValidationFailed for what does not exist, is somebody else's or was rejected; DependencyUnavailable
 */
export async function resolveAttachments(
  deps: TimelinesDeps,
  authorId: string,
  { mediaIds, pollId }: Draft,
): Promise<FileSummary[]> {
  const [{ files }, { polls }] = await Promise.all([
    mediaIds.length === 0 ? { files: [] } : deps.media.getFiles({ ids: mediaIds }),
    pollId === null ? { polls: [] } : deps.polls.getPolls({ ids: [pollId] }),
  ]);
  const usable = files.filter((file) => file.owner_id === authorId && file.status !== 'rejected');
  const errors: FieldError[] = mediaIds.flatMap((id, index) =>
    usable.some((file) => file.id === id)
      ? []
      : { field: `media_ids.${index}`, message: 'Expected the id of a usable file of your own' },
  );
  if (pollId !== null && !polls.some((poll) => poll.id === pollId && poll.author_id === authorId))
    errors.push({ field: 'poll_id', message: 'Expected the id of a poll of your own' });
  if (errors.length > 0) throw new ValidationFailed({ errors });
  return usable;
}

/**
 * Makes the files of a public post public. To be called last before the post is written: a rejected post publishes nothing.
 *
 * @returns the files as they are now
 */
export async function publishAttachments(
  deps: TimelinesDeps,
  { draft, author, files }: { draft: Draft; author: { id: string }; files: FileSummary[] },
): Promise<FileSummary[]> {
  if (draft.visibility !== 'public' || files.every((file) => file.visibility === 'public')) return files;
  const request = { owner_id: author.id, ids: draft.mediaIds };
  return (await deps.media.publishFiles(request)).files;
}

/** @returns undefined when the media service does not respond in time: files are then shown by their ids alone */
export async function findFiles(
  deps: TimelinesDeps,
  ids: readonly string[],
): Promise<FileSummary[] | undefined> {
  if (ids.length === 0) return [];
  try {
    const { files } = await deps.media.getFiles({ ids: [...ids] }, { deadlineMs: FILES_DEADLINE_MS });
    return files;
  } catch (failure) {
    deps.runtime.log.debug({ err: failure }, 'media is unavailable; files shown by their ids alone');
    return undefined;
  }
}
