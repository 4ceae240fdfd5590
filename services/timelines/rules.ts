/** A URL counts as much as a short one would, however long it is. */
const URL_CHARACTERS = 23;
const URL_PATTERN = /https?:\/\/[^\s<>"]+/giu;
const MOST_MENTIONS = 50;
const MOST_HASHTAGS = 30;
const MOST_SEARCH_WORDS = 10;

/** Made when the first text needs it: its tables take megabytes. */
let graphemes: Intl.Segmenter | undefined;

/** How long a text is to a reader: user-perceived characters (UAX #29), each URL counting 23. */
export function countCharacters(text: string): number {
  let inUrls = 0;
  const rest = text.replace(URL_PATTERN, () => {
    // The space that takes its place counts one of them.
    inUrls += URL_CHARACTERS - 1;
    return ' ';
  });
  if (/^[\n\x20-\x7e]*$/.test(rest)) return inUrls + rest.length;
  graphemes ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  let count = inUrls;
  for (const _ of graphemes.segment(rest)) count++;
  return count;
}

/** One kind of line break, no blanks around it, and one form for each character (NFC), so that equal texts are equal. */
export const normalizeText = (text: string): string => text.replace(/\r\n?/g, '\n').normalize('NFC').trim();

/** Nothing a reader could see. */
export const isBlank = (text: string): boolean => !/[^\p{White_Space}\p{Cf}\p{Mn}]/u.test(text);

/** Control characters other than line break and tab, and halves of characters. */
export const hasUnprintable = (text: string): boolean => /[^\P{Cc}\n\t]/u.test(text) || !text.isWellFormed();

/** The usernames named with @, each once, in lower case. */
export function findMentions(text: string): string[] {
  const names = text
    .replace(URL_PATTERN, ' ')
    .matchAll(/(?<![\p{L}\p{N}_@/.])@([A-Za-z0-9_]{3,30})(?![A-Za-z0-9_@])/gu);
  return firstDistinct(
    names.map(([, name]) => (name ?? '').toLowerCase()),
    MOST_MENTIONS,
  );
}

/** The words marked with #, each once, as they are compared. A number alone is no tag. */
export function findHashtags(text: string): string[] {
  const tags = text.replace(URL_PATTERN, ' ').matchAll(/(?<![\p{L}\p{N}_&/])#([\p{L}\p{N}\p{M}_]{1,100})/gu);
  return firstDistinct(
    tags.map(([, tag]) => normalizeHashtag(tag ?? '')).filter((tag) => /\D/.test(tag) && tag.length <= 100),
    MOST_HASHTAGS,
  );
}

export const normalizeHashtag = (tag: string): string => tag.replace(/^#/, '').normalize('NFC').toLowerCase();

/** InnoDB's own list (`INNODB_FT_DEFAULT_STOPWORD`): asked for with `+`, one of them would find nothing. */
const STOP_WORDS = new Set(
  (
    'a about an are as at be by com de en for from how i in is it la of on or that the this to was what when ' +
    'where who will with und the www'
  ).split(' '),
);
/** InnoDB's default `innodb_ft_min_token_size`: shorter words are not in its index. */
const SHORTEST_WORD = 3;

/** A search as MySQL's boolean mode reads it: every word must be there. Null when no word of it can be searched for. */
export function searchExpression(query: string): string | null {
  const words = firstDistinct(
    query
      .matchAll(/[\p{L}\p{N}\p{M}_]+/gu)
      .map(([word]) => word.toLowerCase())
      .filter((word) => [...word].length >= SHORTEST_WORD && !STOP_WORDS.has(word)),
    MOST_SEARCH_WORDS,
  );
  return words.length === 0 ? null : words.map((word) => `+${word}`).join(' ');
}

function firstDistinct(words: Iterable<string>, most: number): string[] {
  const distinct = new Set<string>();
  for (const word of words) {
    if (distinct.size === most) break;
    distinct.add(word);
  }
  return [...distinct];
}

/** What decides whether a viewer may see a post. */
export interface Sight {
  readonly authorId: string;
  readonly visibility: 'public' | 'followers';
  readonly followed: boolean;
  /** In either direction. */
  readonly blocked: boolean;
  readonly muted: boolean;
}

export const isVisible = (post: Sight, viewerId: string | null): boolean =>
  post.authorId === viewerId || (!post.blocked && (post.visibility === 'public' || post.followed));

/** A home timeline holds what is visible of those one follows and has not muted, and one's own. */
export const belongsHome = (post: Sight, viewerId: string): boolean =>
  post.authorId === viewerId || (isVisible(post, viewerId) && post.followed && !post.muted);

/** Ids of two lists, newest first, each once. */
export function mergeNewestFirst(one: readonly string[], other: readonly string[]): string[] {
  if (other.length === 0) return [...one];
  return [...new Set([...one, ...other])].sort((left, right) => Number(right) - Number(left));
}
