import type { Caller } from '#kit/auth/caller';
import { idempotent, type RequestKey, type StoredResponse } from '#kit/http/idempotency';
import type { TimelinesDeps } from '../deps';
import type { NewPost, Post } from '../model';
import { personOf } from '../people/person';
import { openViewer } from '../people/viewer';
import { asPublished, publishAttachments } from './attachments';
import { commitPost, makeKnown } from './commit';
import { parseDraft } from './draft';
import { findShown } from './find';
import { findLikes, UNKNOWN_LIKES } from './likes';
import { isQuote } from './reposts';
import { type ResolvedPost, resolveDraft } from './resolve';
import { storedPost } from './stored-post';
import { type Likes, postJson } from './view';
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
  const prepare = async () => {
    const post = await resolveDraft(deps, caller, draft);
    const id = await deps.nextId();
    const body = viewOfNewPost(id, post, await likesOfNewPost(deps, post));
    return { id, post, response: { status: 201, headers: { location: `/posts/id/${id}` }, body } };
  };
  let response: StoredResponse<Post>;
  if (request.key === null) {
    const prepared = await prepare();
    await commitPost(deps, prepared.id, prepared.post);
    written = prepared;
    response = prepared.response;
  } else {
    response = await idempotent(deps.database, keyed, async () => {
      const prepared = await prepare();
      return async (transaction) => {
        await writePost(transaction, prepared.id, prepared.post);
        written = prepared;
        return prepared.response;
      };
    });
    if (written === undefined) return withCurrentQuote(deps, caller.id, response);
    await makeKnown(deps, [written]);
  }
  await publishAttachments(deps, written.id, written.post);
  return response;
}

/** A stored response is a copy of the quoted post, too, which may be gone or hidden by now. */
async function withCurrentQuote(
  deps: TimelinesDeps,
  viewerId: string,
  response: StoredResponse<Post>,
): Promise<StoredResponse<Post>> {
  const { quote } = response.body;
  if (
    quote?.state !== 'available' ||
    (await findShown(deps, await openViewer(deps, viewerId), [quote.id])).has(quote.id)
  )
    return response;
  return { ...response, body: { ...response.body, quote: { id: quote.id, state: 'unavailable' } } };
}

/** A new post has no replies, reposts or likes yet, so its view needs no query; a plain repost has those of its original. */
function viewOfNewPost(id: string, resolved: ResolvedPost, likes: Likes): Post {
  const { draft, author, references, mentions, hashtags } = resolved;
  const row = { ...draft, ...references, id, authorId: author.id, hashtags, isDeleted: false };
  const mentioned = mentions.map((person) =>
    personOf({ ...person, displayName: '', avatarUrl: null, deleted: false }),
  );
  const post = storedPost({ ...row, ...NEW_COUNTS }, []);
  const found = { post, author };
  const quoted = (isQuote(draft) ? references.reposted : null) ?? undefined;
  const surroundings = {
    counts: newCounts(resolved),
    quoted,
    files: asPublished(resolved),
    mentioned,
    likes,
  };
  return JSON.parse(postJson(found, surroundings));
}

const originalOf = ({ draft, references: { reposted } }: ResolvedPost) => (isQuote(draft) ? null : reposted);

const NEW_COUNTS = { repliesCount: 0, repostsCount: 0, quotesCount: 0 };

function newCounts(post: ResolvedPost) {
  const original = originalOf(post)?.post;
  return original === undefined ? NEW_COUNTS : { ...original, repostsCount: original.repostsCount + 1 };
}

async function likesOfNewPost(deps: TimelinesDeps, post: ResolvedPost): Promise<Likes> {
  const original = originalOf(post)?.post;
  if (original === undefined) return { count: 0, isLiked: false };
  const [likes = UNKNOWN_LIKES] = await findLikes(deps, post.author.id, [original.id]);
  return likes;
}
