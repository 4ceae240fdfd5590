import type { Caller } from '#kit/auth/caller';
import { idempotent, type RequestKey, type StoredResponse } from '#kit/http/idempotency';
import type { TimelinesDeps } from '../deps';
import { deliverToFeeds } from '../feeds/store';
import type { NewPost, Post } from '../model';
import { asPublished, publishAttachments } from './attachments';
import { parseDraft } from './draft';
import { type ResolvedPost, resolveDraft } from './resolve';
import { viewOf } from './view';
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
    written = { id, post };
    return async (transaction) => {
      await writePost(transaction, id, post);
      return { status: 201, headers: { location: `/posts/id/${id}` }, body: viewOfNewPost(id, post) };
    };
  });
  deps.outbox.wake();
  if (written !== undefined) await publishAttachments(deps, written.id, written.post);
  deliverToOwnFeed(deps, caller.id, response.body.id);
  return response;
}

/** A new post has no replies, reposts or likes yet, so its view needs no query. */
function viewOfNewPost(id: string, post: ResolvedPost): Post {
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
      repliesCount: 0,
      repostsCount: 0,
      quotesCount: 0,
    },
    {
      quoted: references.quoted ?? undefined,
      files: asPublished(post),
      mentions,
      likes: { count: 0, liked_by_viewer: false },
      viewerId: author.id,
    },
  );
}

/** Lets authors read their own post at once. Best effort: the fan-out delivers it as well. */
export function deliverToOwnFeed(deps: TimelinesDeps, authorId: string, postId: string): void {
  deliverToFeeds(deps.redis, [authorId], [postId], deps.homeSize).catch((failure: unknown) => {
    deps.runtime.log.debug({ err: failure, post_id: postId }, 'own feed not updated; left to the fan-out');
  });
}
