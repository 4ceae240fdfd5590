import type { Caller } from '#kit/auth/caller';
import { idempotent, type RequestKey, type StoredResponse } from '#kit/http/idempotency';
import type { TimelinesDeps } from '../deps';
import { deliverToFeeds } from '../feeds/store';
import type { NewPost, Post } from '../model';
import { asPublished, publishAttachments } from './attachments';
import { parseDraft } from './draft';
import { findLikes, findShown } from './hydration';
import { isQuote } from './reposts';
import { type ResolvedPost, resolveDraft } from './resolve';
import { type Likes, viewOf } from './view';
import { writePost } from './write';

/**
 * Creates a post: validates the draft, looks up what it refers to, writes the post together with its outbox rows in one
 * transaction, and wakes the outbox relay, which publishes `post.created` and enqueues the fan-out.
 */
export async function createPost(
  deps: TimelinesDeps,
  caller: Caller,
  request: RequestKey,
  input: NewPost,
): Promise<StoredResponse<Post>> {
  const draft = parseDraft(input, deps.postMaxLength);
  const keyed = { ...request, caller: caller.id, body: input };
  let written: { id: string; post: ResolvedPost } | undefined;
  const response = await idempotent(deps.database, keyed, async () => {
    const post = await resolveDraft(deps, caller, draft);
    const id = deps.nextId();
    const body = viewOfNewPost(id, post, await likesOfNewPost(deps, post));
    return async (transaction) => {
      await writePost(transaction, id, post);
      written = { id, post };
      return { status: 201, headers: { location: `/posts/id/${id}` }, body };
    };
  });
  deps.outbox.wake();
  if (written === undefined) return withCurrentQuote(deps, caller.id, response);
  await publishAttachments(deps, written.id, written.post);
  deliverToOwnFeed(deps, caller.id, written.id);
  return response;
}

/** A stored response is a copy of the quoted post, too, which may be gone or hidden by now. */
async function withCurrentQuote(
  deps: TimelinesDeps,
  viewerId: string,
  response: StoredResponse<Post>,
): Promise<StoredResponse<Post>> {
  const { quote } = response.body;
  if (quote?.state !== 'available' || (await findShown(deps, viewerId, [quote.id])).has(quote.id))
    return response;
  return { ...response, body: { ...response.body, quote: { id: quote.id, state: 'unavailable' } } };
}

/** A new post has no replies, reposts or likes yet, so its view needs no query; a plain repost has those of its original. */
function viewOfNewPost(id: string, post: ResolvedPost, likes: Likes | null): Post {
  const { draft, author, references, mentions, hashtags } = post;
  return viewOf(
    {
      ...draft,
      ...references,
      id,
      authorId: author.id,
      username: author.username,
      displayName: author.displayName,
      avatarUrl: author.avatarUrl,
      hashtags,
    },
    {
      counts: newCounts(post),
      quoted: (isQuote(draft) ? references.reposted : null) ?? undefined,
      files: asPublished(post),
      mentions,
      likes,
      viewerId: author.id,
    },
  );
}

const originalOf = ({ draft, references: { reposted } }: ResolvedPost) => (isQuote(draft) ? null : reposted);

function newCounts(post: ResolvedPost) {
  const original = originalOf(post);
  if (original === null) return { repliesCount: 0, repostsCount: 0, quotesCount: 0 };
  return { ...original, repostsCount: original.repostsCount + 1 };
}

async function likesOfNewPost(deps: TimelinesDeps, post: ResolvedPost): Promise<Likes | null> {
  const original = originalOf(post);
  if (original === null) return { count: 0, liked_by_viewer: false };
  return (await findLikes(deps, post.author.id, [original.id]))?.get(original.id) ?? null;
}

/** Lets authors read their own post at once. Best effort: the fan-out delivers it as well. */
export function deliverToOwnFeed(deps: TimelinesDeps, authorId: string, postId: string): void {
  deliverToFeeds(deps.redis, [authorId], [postId], deps.homeSize).catch((failure: unknown) => {
    deps.runtime.log.debug({ err: failure, post_id: postId }, 'own feed not updated; left to the fan-out');
  });
}
