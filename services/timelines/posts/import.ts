import { type Static, Type } from '@sinclair/typebox';
import { TimeOrderedId } from '#contracts/messages';
import { isTimeOrderedId, timeOfId } from '#kit/core/ids';
import { DependencyUnavailable } from '#kit/errors/problem';
import { validated } from '#kit/errors/validation';
import { IdTaken, type ImportedRecord, RecordInvalid } from '#kit/grpc/portability';
import { nullable } from '#kit/http/schemas';
import { inTransaction } from '#kit/mysql/database';
import type { TimelinesDeps } from '../deps';
import { NewPost, ReferencedPostNotFound } from '../model';
import { findPerson } from '../people/store';
import { openViewer } from '../people/viewer';
import { findUsable } from './attachments';
import { changesOfNewPost } from './changes';
import { type Draft, parseDraft } from './draft';
import { findPosts } from './find';
import { findAuthorId } from './read-store';
import { isPlainRepost } from './reposts';
import { type ResolvedPost, resolveDraft } from './resolve';
import { writeImportedPost } from './write';

const { text, reply_to, repost_of, media_ids, poll_id, visibility } = NewPost.properties;
const PostRecord = Type.Object({
  id: TimeOrderedId,
  text,
  reply_to: nullable(reply_to),
  root_id: nullable(TimeOrderedId),
  repost_of: nullable(repost_of),
  media_ids,
  poll_id: nullable(poll_id),
  visibility,
});
type PostRecord = Static<typeof PostRecord>;

/** The clocks of instances differ by less: a new post never gets the id of an imported one. */
const SETTLED_MS = 5_000;

/** Whether an id is one that was made some time ago. */
export const isSettledId = (id: string): boolean =>
  isTimeOrderedId(id) && timeOfId(id).getTime() < Date.now() - SETTLED_MS;

/**
 * Restores a post of an archive under its id, without files and polls that were not imported. A reply and a quote remain
 * when the other post is missing, as after its deletion.
 *
 * @throws RecordInvalid, IdTaken, AuthorBlocked, ReferencedPostNotFound for a plain repost of a missing post
 */
export async function importPost(
  deps: TimelinesDeps,
  { userId, data }: ImportedRecord,
): Promise<'imported' | 'exists'> {
  const record = validated(PostRecord, data);
  const { id } = record;
  if (!isSettledId(id)) throw new RecordInvalid();
  const authorId = await findAuthorId(deps.database, id);
  if (authorId !== undefined && authorId !== userId) throw new IdTaken();
  if (authorId !== undefined) return 'exists';
  const post = await resolveRecord(deps, userId, record);
  await inTransaction(deps.database, (transaction) => writeImportedPost(transaction, id, post));
  deps.outbox.wake();
  await deps.changes.announce(changesOfNewPost(id, post));
  return 'imported';
}

async function resolveRecord(deps: TimelinesDeps, userId: string, record: PostRecord): Promise<ResolvedPost> {
  const attachments = { mediaIds: record.media_ids ?? [], pollId: record.poll_id ?? null };
  const usable = await findUsable(deps, userId, attachments);
  const draft = parseDraft(inputOf(record, usable), deps.postMaxLength);
  const ids = [draft.replyTo, draft.repostOf].filter((id) => id !== null);
  const found = await findPosts(deps, await openViewer(deps, userId), ids);
  const present = (id: string | null) => (found.some((each) => each?.post.id === id) ? id : null);
  const known = { ...draft, replyTo: present(draft.replyTo), repostOf: present(draft.repostOf) };
  if (isPlainRepost(draft) && known.repostOf === null) throw new ReferencedPostNotFound();
  const resolved = await resolveDraft(deps, await requireAuthor(deps, userId), known);
  const { references } = resolved;
  return {
    ...resolved,
    draft,
    references: {
      ...references,
      replyTo: references.replyTo ?? draft.replyTo,
      rootId: references.rootId ?? (draft.replyTo === null ? null : (record.root_id ?? draft.replyTo)),
      repostOf: references.repostOf ?? draft.repostOf,
    },
  };
}

/** @throws DependencyUnavailable until the event of their registration has arrived */
async function requireAuthor(
  { database }: TimelinesDeps,
  id: string,
): Promise<{ id: string; username: string }> {
  const author = await findPerson(database, id);
  if (author === undefined) throw new DependencyUnavailable();
  return author;
}

function inputOf(record: PostRecord, { mediaIds, pollId }: Pick<Draft, 'mediaIds' | 'pollId'>): NewPost {
  return {
    ...(record.text !== undefined && { text: record.text }),
    ...(record.reply_to && { reply_to: record.reply_to }),
    ...(record.repost_of && { repost_of: record.repost_of }),
    ...(mediaIds.length > 0 && { media_ids: mediaIds }),
    ...(pollId !== null && { poll_id: pollId }),
    ...(record.visibility !== undefined && { visibility: record.visibility }),
  };
}
