import type { FileSummary } from '#contracts/gen/media/v1/media';
import type { Caller } from '#kit/auth/caller';
import type { TimelinesDeps } from '../deps';
import { AuthorBlocked, ReferencedPostNotFound } from '../model';
import { findAuthor, findMentionedPeople } from '../people/lookup';
import { findBlocked } from '../people/relations-store';
import { resolveAttachments } from './attachments';
import type { Draft } from './draft';
import { namesIn } from './names';
import { findPosts, type PostRow } from './read-store';
import { isPlainRepost } from './reposts';
import { isVisible } from './visibility';

/** A draft with everything looked up that its row and its event need. */
export interface ResolvedPost {
  readonly draft: Draft;
  readonly author: { id: string; username: string; displayName: string; avatarUrl: string | null };
  readonly mentions: { id: string; username: string }[];
  readonly hashtags: string[];
  readonly files: FileSummary[];
  readonly references: {
    /** The originals when the draft replies to plain reposts, reposts or quotes them. */
    readonly replyTo: string | null;
    readonly repostOf: string | null;
    readonly rootId: string | null;
    readonly replyToAuthorId: string | null;
    readonly repostOfAuthorId: string | null;
    /** What the draft reposts or quotes. */
    readonly reposted: PostRow | null;
  };
}

/**
 * Looks up the author, the mentioned people, the referenced posts and the attachments.
 *
 * @throws UserNotFound, ReferencedPostNotFound, AuthorBlocked, ValidationFailed, DependencyUnavailable
 */
export async function resolveDraft(
  deps: TimelinesDeps,
  caller: Pick<Caller, 'id' | 'username'>,
  draft: Draft,
): Promise<ResolvedPost> {
  const { usernames, hashtags } = namesIn(draft.text);
  const [author, mentions, references, files] = await Promise.all([
    findAuthor(deps, caller),
    resolveMentions(deps, caller.id, usernames),
    resolveReferences(deps, caller.id, draft),
    resolveAttachments(deps, caller.id, draft),
  ]);
  return { draft, author, mentions, hashtags, references, files };
}

/** The existing people among those mentioned. With a block between author and user a mention stays plain text. */
async function resolveMentions(deps: TimelinesDeps, authorId: string, usernames: readonly string[]) {
  if (usernames.length === 0) return [];
  const mentioned = await findMentionedPeople(deps, usernames);
  const blocked = await findBlocked(
    deps.database,
    authorId,
    mentioned.map((person) => person.id),
  );
  return mentioned.filter((person) => !blocked.has(person.id));
}

async function resolveReferences(
  deps: TimelinesDeps,
  authorId: string,
  draft: Draft,
): Promise<ResolvedPost['references']> {
  const ids = [draft.replyTo, draft.repostOf].filter((id) => id !== null);
  const found = await findPosts(deps.database, ids, authorId);
  const original = async (id: string | null, field: string) => {
    const post = requireReferable(found, id, { authorId, field });
    return post && findOriginal(deps, post, { authorId, field });
  };
  const parent = await original(draft.replyTo, 'reply_to');
  const reposted = await original(draft.repostOf, 'repost_of');
  return {
    replyTo: parent?.id ?? null,
    repostOf: reposted?.id ?? null,
    rootId: parent && (parent.rootId ?? parent.id),
    replyToAuthorId: parent?.authorId ?? null,
    repostOfAuthorId: reposted?.authorId ?? null,
    reposted,
  };
}

/** A plain repost stands for the post it reposts. */
async function findOriginal(
  deps: TimelinesDeps,
  post: PostRow,
  reference: { authorId: string; field: string },
): Promise<PostRow | null> {
  if (!isPlainRepost(post) || post.repostOf === null) return post;
  const found = await findPosts(deps.database, [post.repostOf], reference.authorId);
  return requireReferable(found, post.repostOf, reference);
}

function requireReferable(
  found: Map<string, PostRow>,
  id: string | null,
  { authorId, field }: { authorId: string; field: string },
): PostRow | null {
  if (id === null) return null;
  const post = found.get(id);
  if (post?.blocked && post.visibility === 'public') throw new AuthorBlocked();
  if (post === undefined || !isVisible(post, authorId))
    throw new ReferencedPostNotFound({ errors: [{ field, message: 'Post not found' }] });
  return post;
}
