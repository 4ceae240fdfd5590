import type { FileSummary } from '#contracts/gen/media/v1/media';
import type { Caller } from '#kit/auth/caller';
import type { TimelinesDeps } from '../deps';
import { AuthorBlocked, ReferencedPostNotFound } from '../model';
import { findAuthor, findMentionedPeople } from '../people/lookup';
import type { Person } from '../people/person';
import { findBlocked } from '../people/relations-store';
import { openViewer, type Viewer } from '../people/viewer';
import { resolveAttachments } from './attachments';
import type { Draft } from './draft';
import { type FoundPost, findPost } from './find';
import { namesIn } from './names';
import { isVisible } from './visibility';

/** A draft with everything looked up that its row and its event need. */
export interface ResolvedPost {
  readonly draft: Draft;
  readonly author: Person;
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
    readonly reposted: FoundPost | null;
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
  const { relations } = await openViewer(deps, authorId);
  const mentioned = await findMentionedPeople(deps, usernames);
  const ids = mentioned.map((person) => person.id);
  const blocked = relations.blocked ?? (await findBlocked(deps.database, authorId, ids));
  return mentioned.filter((person) => !blocked.has(person.id));
}

async function resolveReferences(
  deps: TimelinesDeps,
  authorId: string,
  draft: Draft,
): Promise<ResolvedPost['references']> {
  if (draft.replyTo === null && draft.repostOf === null) return NO_REFERENCES;
  const viewer = await openViewer(deps, authorId);
  const original = async (id: string | null, field: string) => {
    const post = await findReferable(deps, id, { viewer, field });
    return post && findOriginal(deps, post, { viewer, field });
  };
  const parent = (await original(draft.replyTo, 'reply_to'))?.post;
  const reposted = await original(draft.repostOf, 'repost_of');
  return {
    replyTo: parent?.id ?? null,
    repostOf: reposted?.post.id ?? null,
    rootId: parent === undefined ? null : (parent.rootId ?? parent.id),
    replyToAuthorId: parent?.authorId ?? null,
    repostOfAuthorId: reposted?.authorId ?? null,
    reposted,
  };
}

const NO_REFERENCES: ResolvedPost['references'] = {
  replyTo: null,
  repostOf: null,
  rootId: null,
  replyToAuthorId: null,
  repostOfAuthorId: null,
  reposted: null,
};

/** Where a draft names a post, and who wrote the draft. */
interface Reference {
  readonly viewer: Viewer;
  readonly field: string;
}

/** A plain repost stands for the post it reposts. */
async function findOriginal(
  deps: TimelinesDeps,
  found: FoundPost,
  reference: Reference,
): Promise<FoundPost | null> {
  const { isPlainRepost, repostOf } = found.post;
  return isPlainRepost ? findReferable(deps, repostOf, reference) : found;
}

async function findReferable(
  deps: TimelinesDeps,
  id: string | null,
  { viewer, field }: Reference,
): Promise<FoundPost | null> {
  if (id === null) return null;
  const post = await findPost(deps, viewer, id);
  if (post?.blocked && post.visibility === 'public') throw new AuthorBlocked();
  if (post === undefined || !isVisible(post, viewer.id))
    throw new ReferencedPostNotFound({ errors: [{ field, message: 'Post not found' }] });
  return post;
}
