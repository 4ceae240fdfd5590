import { timeOfId } from '#kit/core/ids';
import type { Person } from '../people/person';
import type { PostRow } from './read-store';
import { isPlainRepost } from './reposts';

/** A post as every viewer finds it, with the parts of its JSON that are the same for all. */
export interface StoredPost extends PostRow {
  readonly isPlainRepost: boolean;
  readonly mentionIds: readonly string[];
  readonly json: PostJson;
}

/** What its JSON consists of, in order, with the parts that depend on others between them (`view.ts`). */
export interface PostJson {
  /** From the start to the author. */
  readonly start: string;
  /** From the author to the quote. */
  readonly content: string;
  readonly hashtags: string;
  readonly poll: string;
  readonly end: string;
  /** From the start to the counts, of a post that shows nobody but its author; assembled on first use. */
  shared?: { readonly author: Person; readonly text: string };
}

/** @param mentionIds of the people that its text mentions, in the order in which they are shown */
export const storedPost = (row: PostRow, mentionIds: readonly string[]): StoredPost => ({
  ...row,
  isPlainRepost: isPlainRepost(row),
  mentionIds,
  json: jsonOf(row),
});

/** No person has this id. */
const NOBODY = '00000000-0000-0000-0000-000000000000';

/** What is remembered of an id without a row: feeds name the posts of erased people for a while. */
export const missingPost = (id: string): StoredPost =>
  storedPost(
    {
      id,
      authorId: NOBODY,
      text: '',
      replyTo: null,
      rootId: null,
      repostOf: null,
      visibility: 'followers',
      pollId: null,
      mediaIds: [],
      hashtags: [],
      repliesCount: 0,
      repostsCount: 0,
      quotesCount: 0,
      isDeleted: true,
    },
    [],
  );

function jsonOf(post: PostRow): PostJson {
  const reference = (name: string, id: string | null) => (id === null ? '' : `,"${name}":"${id}"`);
  const references =
    reference('reply_to', post.replyTo) +
    reference('root_id', post.rootId) +
    reference('repost_of', post.repostOf);
  const createdAt = timeOfId(post.id).toISOString();
  return {
    start: `{"id":"${post.id}","author":`,
    content: `,"text":${JSON.stringify(post.text)},"created_at":"${createdAt}"${references},"quote":`,
    hashtags: `,"hashtags":${JSON.stringify(post.hashtags)},"media":`,
    poll: `${reference('poll_id', post.pollId)},"likes_count":`,
    end: `,"visibility":"${post.visibility}"}`,
  };
}

/** What a cache entry of a post weighs, in bytes, about: its text, its JSON twice (`shared`), and its objects. */
export const weightOfPost = ({ text, json }: StoredPost): number =>
  1_000 + 2 * text.length + 4 * json.content.length;
