import type { Caller } from '#kit/auth/caller';
import { timeOfId } from '#kit/core/ids';
import { Forbidden } from '#kit/errors/problem';
import { inTransaction } from '#kit/mysql/database';
import type { TimelinesDeps } from '../deps';
import { type Post, PostNotFound } from '../model';
import { hydrate, readVisible } from './hydration';
import { findPosts, type PostRow } from './read-store';
import { withdrawPost } from './write';

/** Allows to delete posts of others. */
const MODERATE = 'posts:moderate';
/** An accepted post is created within milliseconds; for this long a client is advised to retry. */
const PENDING_MS = 60_000;

export async function readPost(deps: TimelinesDeps, caller: Caller | null, id: string): Promise<Post> {
  const [view] = await hydrate(deps, caller?.id ?? null, [await requireVisible(deps, caller, id)]);
  if (view === undefined) throw new PostNotFound();
  return view;
}

/** @throws PostNotFound, with `Retry-After` while an accepted post of an id like that may not have been created yet */
export async function requireVisible(
  deps: TimelinesDeps,
  caller: Caller | null,
  id: string,
): Promise<PostRow> {
  const [post] = await readVisible(deps, caller?.id ?? null, [id]);
  if (post !== undefined) return post;
  // Decided by the id alone: otherwise it would tell that there is a post which the caller may not see.
  const mayBePending = Math.abs(Date.now() - timeOfId(id).getTime()) < PENDING_MS;
  throw new PostNotFound({ headers: mayBePending ? { 'retry-after': '1' } : {} });
}

/** @throws PostNotFound, Forbidden */
export async function deletePost(deps: TimelinesDeps, caller: Caller, id: string): Promise<void> {
  const post = (await findPosts(deps.database, [id], caller.id)).get(id);
  if (post === undefined || (post.authorId !== caller.id && !caller.permissions.includes(MODERATE))) {
    // A 403 must not reveal that a post exists which the caller may not see.
    await requireVisible(deps, caller, id);
    throw new Forbidden({ detail: 'Only the author or a moderator can delete a post.' });
  }
  await inTransaction(deps.database, (transaction) => withdrawPost(transaction, post, caller.id));
  deps.outbox.wake();
}
