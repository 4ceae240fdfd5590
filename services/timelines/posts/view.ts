import type { FileSummary } from '#contracts/gen/media/v1/media';
import { timeOfId } from '#kit/core/ids';
import type { Post } from '../model';
import type { Person } from '../people/person';
import type { FoundPost } from './find';
import { isQuote } from './reposts';
import type { StoredPost } from './stored-post';

export interface Likes {
  /** Null while the likes service is unavailable. */
  readonly count: number | null;
  /** Whether the viewer likes it; undefined for an anonymous one, and while the likes service is unavailable. */
  readonly isLiked: boolean | undefined;
}

/** What the JSON of a post shows beside the post itself. */
export interface Surroundings {
  /** The people it mentions, without erased ones. */
  readonly mentioned: readonly Person[];
  readonly likes: Likes;
  /** The post that a quote is about, if the viewer may see it. */
  readonly quoted: Pick<FoundPost, 'post' | 'author'> | undefined;
  /** Where its counts are kept: the original of a plain repost. */
  readonly counts: Pick<StoredPost, 'repliesCount' | 'repostsCount' | 'quotesCount'>;
  /** Files of this and other posts; undefined while the media service is unavailable. */
  readonly files: readonly FileSummary[] | undefined;
}

/** The representation of a post in responses: the JSON of `model.Post`. */
export function postJson(found: Pick<FoundPost, 'post' | 'author'>, surroundings: Surroundings): string {
  const { likes, counts } = surroundings;
  const liked = likes.isLiked === undefined ? '' : `,"liked_by_me":${likes.isLiked}`;
  const { repliesCount, repostsCount, quotesCount } = counts;
  return `${sharedJson(found, surroundings)}${likes.count},"replies_count":${repliesCount},"reposts_count":${repostsCount},"quotes_count":${quotesCount}${liked}${found.post.json.end}`;
}

/** The part that is the same for every viewer, up to the counts. It is remembered with the post if it shows nobody but the author. */
function sharedJson(
  { post, author }: Pick<FoundPost, 'post' | 'author'>,
  surroundings: Surroundings,
): string {
  const { json } = post;
  if (
    post.repostOf !== null ||
    post.mentionIds.length > 0 ||
    post.mediaIds.length > 0 ||
    surroundings.mentioned.length > 0
  )
    return start(post, author) + surroundingsJson(post, surroundings);
  if (json.shared?.author !== author)
    json.shared = { author, text: `${start(post, author)}null,"mentions":[]${json.hashtags}[]${json.poll}` };
  return json.shared.text;
}

const start = ({ json }: StoredPost, author: Person): string => json.start + author.json + json.content;

function surroundingsJson(post: StoredPost, { mentioned, quoted, files }: Surroundings): string {
  const quote = post.repostOf !== null && isQuote(post) ? quoteJson(post.repostOf, quoted) : 'null';
  const mentions = mentioned.length === 0 ? '[]' : mentionsJson(mentioned);
  const media = post.mediaIds.length === 0 ? '[]' : JSON.stringify(mediaOf(post, files));
  return `${quote},"mentions":${mentions}${post.json.hashtags}${media}${post.json.poll}`;
}

const quoteJson = (id: string, quoted: Surroundings['quoted']): string =>
  quoted === undefined
    ? `{"id":"${id}","state":"unavailable"}`
    : `{"id":"${id}","state":"available","author":${quoted.author.json},"text":${JSON.stringify(quoted.post.text)},"created_at":"${timeOfId(id).toISOString()}"}`;

const mentionsJson = (people: readonly Person[]): string =>
  JSON.stringify(people.map(({ id, username }) => ({ id, username })));

/** A deleted or rejected file is omitted. A file that its owner has made private is shown in a public post without a URL. */
function mediaOf(
  { mediaIds, visibility }: Pick<StoredPost, 'mediaIds' | 'visibility'>,
  files: Surroundings['files'],
): Post['media'] {
  if (files === undefined) return mediaIds.map((id) => ({ id }));
  return mediaIds.flatMap((id) => {
    const file = files.find((each) => each.id === id);
    if (file === undefined || file.status === 'rejected') return [];
    const isShown = visibility === 'followers' || file.visibility === 'public';
    return { id, type: file.type, ...(isShown && { url: file.url }) };
  });
}
