import type { Caller } from '#kit/auth/caller';
import { entitiesOf } from '#kit/text/entities';
import type { TimelinesDeps } from '../deps';
import { AuthorBlocked, ReferencedPostNotFound } from '../model';
import { findAuthor, findMentionedPeople } from '../people/lookup';
import { findBlocked } from '../people/relations-store';
import type { Draft } from './draft';
import { findPosts, type PostRow } from './read-store';
import { isVisible } from './visibility';

/** A draft with everything looked up that its row and its event need. */
export interface ResolvedPost {
  readonly draft: Draft;
  readonly author: { id: string; username: string; displayName: string; avatarUrl: string | null };
  readonly mentions: { id: string; username: string }[];
  readonly hashtags: string[];
  readonly references: {
    readonly rootId: string | null;
    /** The original post when the draft reposts a plain repost. */
    readonly repostOf: string | null;
    readonly replyToAuthorId: string | null;
    readonly repostOfAuthorId: string | null;
  };
}

/**
 * Looks up the author, the mentioned people and the referenced posts.
 *
 * @throws UserNotFound, ReferencedPostNotFound, AuthorBlocked
 */
export async function resolveDraft(
  deps: TimelinesDeps,
  caller: Pick<Caller, 'id' | 'username'>,
  draft: Draft,
): Promise<ResolvedPost> {
  const { usernames, hashtags } = namesIn(draft.text);
  const [author, mentions, references] = await Promise.all([
    findAuthor(deps, caller),
    resolveMentions(deps, caller.id, usernames),
    resolveReferences(deps, caller.id, draft),
  ]);
  return { draft, author, mentions, hashtags, references };
}

const MAX_MENTIONS = 50;
const MAX_HASHTAGS = 30;

/** The distinct usernames and hashtags of a text, in their canonical forms. */
export function namesIn(text: string): { usernames: string[]; hashtags: string[] } {
  const entities = entitiesOf(text);
  const distinct = (kind: 'mention' | 'hashtag') => [
    ...new Set(entities.filter((entity) => entity.kind === kind).map(({ value }) => value)),
  ];
  return {
    usernames: distinct('mention').slice(0, MAX_MENTIONS),
    hashtags: distinct('hashtag').slice(0, MAX_HASHTAGS),
  };
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
  if (ids.length === 0)
    return { rootId: null, repostOf: null, replyToAuthorId: null, repostOfAuthorId: null };
  const found = await findPosts(deps.database, ids, authorId);
  const parent = requireReferable(found, draft.replyTo, { authorId, field: 'reply_to' });
  const reposted = requireReferable(found, draft.repostOf, { authorId, field: 'repost_of' });
  const original = reposted && (await findOriginal(deps, reposted, authorId));
  return {
    rootId: parent === null ? null : (parent.rootId ?? parent.id),
    repostOf: original?.id ?? null,
    replyToAuthorId: parent?.authorId ?? null,
    repostOfAuthorId: original?.authorId ?? null,
  };
}

/** A repost without a text of its own stands for the post it reposts. */
async function findOriginal(
  deps: TimelinesDeps,
  reposted: PostRow,
  authorId: string,
): Promise<PostRow | null> {
  const { repostOf } = reposted;
  if (repostOf === null || reposted.text !== '') return reposted;
  const found = await findPosts(deps.database, [repostOf], authorId);
  return requireReferable(found, repostOf, { authorId, field: 'repost_of' });
}

function requireReferable(
  found: Map<string, PostRow>,
  id: string | null,
  { authorId, field }: { authorId: string; field: string },
): PostRow | null {
  if (id === null) return null;
  const post = found.get(id);
  if (post?.blocked) throw new AuthorBlocked();
  if (post === undefined || !isVisible(post, authorId))
    throw new ReferencedPostNotFound({ errors: [{ field, message: 'Post not found' }] });
  return post;
}
