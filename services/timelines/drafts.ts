import type { Caller } from '#kit/auth/caller';
import { ValidationFailed } from '#kit/errors/problem';
import { AuthorBlocked, type NewPost, ReferencedPostNotFound } from './model';
import { findAuthor, findMentionedPeople } from './people';
import { findBlocked } from './people-store';
import {
  countCharacters,
  findHashtags,
  findMentions,
  hasUnprintable,
  isBlank,
  isVisible,
  normalizeText,
} from './rules';
import type { TimelinesDeps } from './service';
import { findPosts, type PostRow } from './store';

/** What somebody wants to post, validated as far as it can be by itself. */
export interface Draft {
  readonly text: string;
  readonly replyTo: string | null;
  readonly repostOf: string | null;
  readonly mediaIds: string[];
  readonly pollId: string | null;
  readonly visibility: 'public' | 'followers';
}

/** A draft with everything looked up that its row and its event need. */
export interface PreparedPost {
  readonly draft: Draft;
  readonly author: { id: string; username: string; displayName: string; avatarUrl: string | null };
  readonly mentions: { id: string; username: string }[];
  readonly hashtags: string[];
  readonly target: {
    readonly rootId: string | null;
    /** The original where a plain repost was to be reposted. */
    readonly repostOf: string | null;
    readonly replyToAuthorId: string | null;
    readonly repostOfAuthorId: string | null;
  };
}

/** @throws ValidationFailed when the text cannot be posted */
export function draftOf(deps: Pick<TimelinesDeps, 'postMaxLength'>, input: NewPost): Draft {
  const text = normalizeText(input.text ?? '');
  const problem = problemOfText(text, deps.postMaxLength, {
    optional: input.repost_of !== undefined || (input.media_ids ?? []).length > 0,
  });
  if (problem !== null) throw new ValidationFailed({ errors: [{ field: 'text', message: problem }] });
  return {
    text,
    replyTo: input.reply_to ?? null,
    repostOf: input.repost_of ?? null,
    mediaIds: input.media_ids ?? [],
    pollId: input.poll_id ?? null,
    visibility: input.visibility ?? 'public',
  };
}

function problemOfText(text: string, maxLength: number, { optional }: { optional: boolean }): string | null {
  if (hasUnprintable(text)) return 'Text without control characters';
  if (isBlank(text) && !(optional && text === '')) return 'Some text';
  return countCharacters(text) > maxLength ? `At most ${maxLength} characters` : null;
}

/**
 * Looks up author, mentioned people and the posts referred to.
 *
 * @throws PersonNotFound, ReferencedPostNotFound, AuthorBlocked
 */
export async function prepare(
  deps: TimelinesDeps,
  by: Pick<Caller, 'id' | 'username'>,
  draft: Draft,
): Promise<PreparedPost> {
  const [author, mentions, target] = await Promise.all([
    findAuthor(deps, by),
    mentionsOf(deps, by.id, draft.text),
    targetOf(deps, by.id, draft),
  ]);
  return { draft, author, mentions, hashtags: findHashtags(draft.text), target };
}

/** Who is named and exists; a block between the two makes the name plain text. */
async function mentionsOf(deps: TimelinesDeps, authorId: string, text: string) {
  const usernames = findMentions(text);
  if (usernames.length === 0) return [];
  const named = await findMentionedPeople(deps, usernames);
  const blocked = await findBlocked(
    deps.database,
    authorId,
    named.map((person) => person.id),
  );
  return named.filter((person) => !blocked.has(person.id));
}

async function targetOf(
  deps: TimelinesDeps,
  authorId: string,
  draft: Draft,
): Promise<PreparedPost['target']> {
  const ids = [draft.replyTo, draft.repostOf].filter((id) => id !== null);
  if (ids.length === 0)
    return { rootId: null, repostOf: null, replyToAuthorId: null, repostOfAuthorId: null };
  const found = await findPosts(deps.database, ids, authorId);
  const parent = mustBeOpen(found, draft.replyTo, authorId, 'reply_to');
  const reposted = mustBeOpen(found, draft.repostOf, authorId, 'repost_of');
  const original =
    reposted !== null && reposted.repostOf !== null && reposted.text === ''
      ? mustBeOpen(
          await findPosts(deps.database, [reposted.repostOf], authorId),
          reposted.repostOf,
          authorId,
          'repost_of',
        )
      : reposted;
  return {
    rootId: parent === null ? null : (parent.rootId ?? parent.id),
    repostOf: original?.id ?? null,
    replyToAuthorId: parent?.authorId ?? null,
    repostOfAuthorId: original?.authorId ?? null,
  };
}

function mustBeOpen(
  found: Map<string, PostRow>,
  id: string | null,
  viewerId: string,
  field: string,
): PostRow | null {
  if (id === null) return null;
  const post = found.get(id);
  if (post?.blocked) throw new AuthorBlocked();
  if (post === undefined || !isVisible(post, viewerId))
    throw new ReferencedPostNotFound({ errors: [{ field, message: 'There is no such post' }] });
  return post;
}
