import type { FileSummary } from '#contracts/gen/media/v1/media';
import { type FieldError, ValidationFailed } from '#kit/errors/problem';
import type { TimelinesDeps } from '../deps';
import type { Draft } from './draft';

/** Files are optional in a response: a page waits no longer for them. */
const FILES_DEADLINE_MS = 250;

/**
 * Looks up the files and the poll of a draft, which must be the author's own. The poll becomes as visible as the post.
 *
 * @returns the files
 * @throws ValidationFailed for what does not exist, is somebody else's or was rejected; DependencyUnavailable
 */
export async function resolveAttachments(
  deps: TimelinesDeps,
  authorId: string,
  { mediaIds, pollId, visibility }: Draft,
): Promise<FileSummary[]> {
  const { files: usable, polls } = await lookUp(deps, authorId, { mediaIds, pollId });
  const errors: FieldError[] = mediaIds.flatMap((id, index) =>
    usable.some((file) => file.id === id)
      ? []
      : { field: `media_ids.${index}`, message: 'Expected the id of a usable file of your own' },
  );
  const poll = polls.find(({ id }) => id === pollId);
  if (pollId !== null && poll === undefined)
    errors.push({ field: 'poll_id', message: 'Expected the id of a poll of your own' });
  if (errors.length > 0) throw new ValidationFailed({ errors });
  // Before the post is written: its poll is never open to more people than the post.
  if (poll !== undefined && poll.visibility !== visibility && poll.visibility !== 'public')
    await deps.polls.showPoll({ id: poll.id, author_id: authorId, visibility });
  return usable;
}

/** Those of the files and the poll that are the author's own and usable. @throws DependencyUnavailable */
export async function findUsable(
  deps: TimelinesDeps,
  authorId: string,
  { mediaIds, pollId }: Pick<Draft, 'mediaIds' | 'pollId'>,
): Promise<Pick<Draft, 'mediaIds' | 'pollId'>> {
  const { files, polls } = await lookUp(deps, authorId, { mediaIds, pollId });
  return {
    mediaIds: mediaIds.filter((id) => files.some((file) => file.id === id)),
    pollId: polls.some((poll) => poll.id === pollId) ? pollId : null,
  };
}

async function lookUp(
  deps: TimelinesDeps,
  authorId: string,
  { mediaIds, pollId }: Pick<Draft, 'mediaIds' | 'pollId'>,
) {
  const [{ files }, { polls }] = await Promise.all([
    mediaIds.length === 0 ? { files: [] } : deps.media.getFiles({ ids: mediaIds }),
    pollId === null ? { polls: [] } : deps.polls.getPolls({ ids: [pollId] }),
  ]);
  return {
    files: files.filter((file) => file.owner_id === authorId && file.status !== 'rejected'),
    polls: polls.filter((poll) => poll.author_id === authorId),
  };
}

/**
 * Makes the files of a written public post public, so that its readers see them at once. Best effort: the event of the post
 * does it as well, and is never lost.
 */
export async function publishAttachments(
  deps: TimelinesDeps,
  postId: string,
  { draft, author, files }: { draft: Draft; author: { id: string }; files: readonly FileSummary[] },
): Promise<void> {
  if (draft.visibility !== 'public' || files.every((file) => file.visibility === 'public')) return;
  const request = { owner_id: author.id, ids: draft.mediaIds, post_id: postId };
  try {
    await deps.media.publishFiles(request, { deadlineMs: FILES_DEADLINE_MS });
  } catch (failure) {
    deps.runtime.log.debug(
      { err: failure, post_id: postId },
      'files are published by the event of their post',
    );
  }
}

/** The files of a new post as its readers see them once they are published. */
export const asPublished = ({ draft, files }: { draft: Draft; files: FileSummary[] }): FileSummary[] =>
  draft.visibility !== 'public'
    ? files
    : files.map((file) => ({ ...file, visibility: 'public', url: file.public_url || file.url }));

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
