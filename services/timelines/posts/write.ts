import { PostCreated, PostDeleted, PostImported } from '#contracts/events/posts';
import { PostFanOut } from '#contracts/jobs/posts';
import { timeOfId } from '#kit/core/ids';
import { outboxEntry, writeOutbox } from '#kit/messaging/outbox';
import type { Transaction } from '#kit/mysql/database';
import { isDuplicate } from '#kit/mysql/failures';
import { searchTokens } from '#kit/text/search-tokens';
import { AlreadyReposted, ReferencedPostNotFound, UserNotFound } from '../model';
import { isErased } from '../people/store';
import { markDeleted, type PostRef } from './deletion-store';
import { TEXT_VERSION } from './maintenance/text-index';
import { isQuote } from './reposts';
import type { ResolvedPost } from './resolve';
import {
  type CountColumn,
  type InsertedPost,
  incrementCount,
  insertPosts,
  type PostVisibility,
} from './write-store';

/**
 * Writes a post, the counts of the posts it refers to, its `post.created` event and its fan-out job: all or nothing.
 *
 * @throws AlreadyReposted, ReferencedPostNotFound, UserNotFound
 */
export async function writePost(transaction: Transaction, id: string, post: ResolvedPost): Promise<void> {
  const { draft, references } = post;
  await requireNotErased(transaction, post.author.id);
  await insert(transaction, id, post);
  const { replyTo, repostOf } = references;
  const { visibility } = draft;
  await increment(transaction, replyTo, { column: 'repliesCount', field: 'reply_to', visibility });
  const column = isQuote(draft) ? 'quotesCount' : 'repostsCount';
  await increment(transaction, repostOf, { column, field: 'repost_of', visibility });
  await writeOutbox(transaction, outboxEntriesOf(id, post));
}

/**
 * Deletes the content of a post and writes `post.deleted`, unless that has happened before.
 *
 * @param actor who deletes it; null when it goes with its author's account
 */
export async function withdrawPost(
  transaction: Transaction,
  post: PostRef,
  actor: string | null,
): Promise<void> {
  if (!(await markDeleted(transaction, post))) return;
  const { id, authorId, mediaIds } = post;
  const deleted = { id, author_id: authorId, media_ids: [...mediaIds] };
  await writeOutbox(transaction, [
    outboxEntry(PostDeleted, deleted, { aggregate: { type: 'post', id, version: 2 }, actor }),
  ]);
}

/** Erasure deletes the posts that it finds: one that is written at the same time must not come after it. */
async function requireNotErased(transaction: Transaction, authorId: string): Promise<void> {
  if (await isErased(transaction, authorId)) throw new UserNotFound();
}

/** The row of a post, with those that depend on it. */
export function insertedPost(
  id: string,
  { draft, author, references, hashtags, mentions }: ResolvedPost,
): InsertedPost {
  const row = {
    id,
    authorId: author.id,
    text: draft.text,
    replyTo: references.replyTo,
    rootId: references.rootId,
    repostOf: references.repostOf,
    visibility: draft.visibility,
    pollId: draft.pollId,
    mediaIds: draft.mediaIds,
    hashtags,
    searchTokens: searchTokens(draft.text, 'index').join(' '),
    textVersion: TEXT_VERSION,
  };
  return { row, mentionedIds: idsOf(mentions) };
}

async function insert(transaction: Transaction, id: string, post: ResolvedPost): Promise<void> {
  try {
    await insertPosts(transaction, [insertedPost(id, post)]);
  } catch (failure) {
    if (isDuplicate(failure, 'posts_one_repost')) throw new AlreadyReposted({ cause: failure });
    throw failure;
  }
}

/**
 * Writes a post of an archive, its `post.imported` event and its fan-out job. The posts it refers to may be missing.
 *
 * @throws AlreadyReposted, UserNotFound
 */
export async function writeImportedPost(
  transaction: Transaction,
  id: string,
  post: ResolvedPost,
): Promise<void> {
  const { draft, author, references } = post;
  await requireNotErased(transaction, author.id);
  await insert(transaction, id, post);
  const { replyTo, repostOf } = references;
  const { visibility } = draft;
  if (replyTo !== null) await incrementCount(transaction, replyTo, 'repliesCount', visibility);
  const column = isQuote(draft) ? 'quotesCount' : 'repostsCount';
  if (repostOf !== null) await incrementCount(transaction, repostOf, column, visibility);
  const options = { aggregate: { type: 'post', id, version: 1 }, actor: author.id };
  const fanOut = { post_id: id, author_id: author.id, after_follower: null, imported: true };
  await writeOutbox(transaction, [
    outboxEntry(
      PostImported,
      { id, author_id: author.id, visibility: draft.visibility, media_ids: draft.mediaIds },
      options,
    ),
    outboxEntry(PostFanOut, fanOut, options),
  ]);
}

/** The referenced post may have been deleted since the lookup: the update decides. */
async function increment(
  transaction: Transaction,
  id: string | null,
  { column, field, visibility }: { column: CountColumn; field: string; visibility: PostVisibility },
): Promise<void> {
  if (id !== null && !(await incrementCount(transaction, id, column, visibility)))
    throw new ReferencedPostNotFound({ errors: [{ field, message: 'Post not found' }] });
}

/** The event of a new post and its fan-out job. */
export function outboxEntriesOf(id: string, { draft, author, references, mentions }: ResolvedPost) {
  const options = { aggregate: { type: 'post', id, version: 1 }, actor: author.id };
  const created = {
    id,
    author_id: author.id,
    visibility: draft.visibility,
    mentions: idsOf(mentions),
    reply_to: references.replyTo,
    reply_to_author_id: references.replyToAuthorId,
    root_id: references.rootId,
    repost_of: references.repostOf,
    repost_of_author_id: references.repostOfAuthorId,
    is_quote: isQuote(draft),
    media_ids: [...draft.mediaIds],
    created_at: timeOfId(id).toISOString(),
  };
  const fanOut = { post_id: id, author_id: author.id, after_follower: null };
  return [outboxEntry(PostCreated, created, options), outboxEntry(PostFanOut, fanOut, options)];
}

const idsOf = (people: ResolvedPost['mentions']) => people.map((person) => person.id);
