import type { Caller } from '#kit/auth/caller';
import { timeOfId } from '#kit/core/ids';
import { Forbidden } from '#kit/errors/problem';
import { type JsonText, jsonText } from '#kit/http/json-text/json-text';
import { inTransaction } from '#kit/mysql/database';
import type { TimelinesDeps } from '../deps';
import { PostNotFound } from '../model';
import { openViewer, type Viewer } from '../people/viewer';
import { changesOfPost } from './changes';
import { type FoundPost, findPost, findVisible } from './find';
import { renderPosts } from './render';
import { withdrawPost } from './write';

/** Allows to delete posts of others. */
const MODERATE = 'posts:moderate';
/** An accepted post is created within milliseconds; for this long a client is advised to retry. */
const PENDING_MS = 60_000;

/** The JSON of a post. */
export async function readPost(deps: TimelinesDeps, caller: Caller | null, id: string): Promise<JsonText> {
  const viewer = await openViewer(deps, caller?.id ?? null);
  const [json] = await renderPosts(deps, viewer, [await requireVisible(deps, viewer, id)]);
  if (json === undefined) throw new PostNotFound();
  return jsonText(json);
}

/** @throws PostNotFound, with `Retry-After` while an accepted post of an id like that may not have been created yet */
export async function requireVisible(deps: TimelinesDeps, viewer: Viewer, id: string): Promise<FoundPost> {
  const [post] = await findVisible(deps, viewer, [id]);
  if (post !== undefined) return post;
  // Decided by the id alone: otherwise it would tell that there is a post which the caller may not see.
  const mayBePending = Math.abs(Date.now() - timeOfId(id).getTime()) < PENDING_MS;
  throw new PostNotFound({ headers: mayBePending ? { 'retry-after': '1' } : {} });
}

/** @throws PostNotFound, Forbidden */
export async function deletePost(deps: TimelinesDeps, caller: Caller, id: string): Promise<void> {
  const viewer = await openViewer(deps, caller.id);
  const post = (await findPost(deps, viewer, id))?.post;
  if (post === undefined || (post.authorId !== caller.id && !caller.permissions.includes(MODERATE))) {
    // A 403 must not reveal that a post exists which the caller may not see.
    await requireVisible(deps, viewer, id);
    throw new Forbidden({ detail: 'Only the author or a moderator can delete a post.' });
  }
  await inTransaction(deps.database, (transaction) => withdrawPost(transaction, post, caller.id));
  deps.outbox.wake();
  await deps.changes.announce(changesOfPost(post));
}
