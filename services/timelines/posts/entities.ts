import { URL_PATTERN } from './text';

const MAX_MENTIONS = 50;
const MAX_HASHTAGS = 30;

/** The distinct usernames mentioned with `@`, in lower case. */
export function findMentions(text: string): string[] {
  const names = text
    .replace(URL_PATTERN, ' ')
    .matchAll(/(?<![\p{L}\p{N}_@/.])@([A-Za-z0-9_]{3,30})(?![A-Za-z0-9_@])/gu)
    .map(([, name]) => (name ?? '').toLowerCase());
  return [...new Set(names)].slice(0, MAX_MENTIONS);
}

/** The distinct hashtags of a text, normalized. A number alone is not a hashtag. */
export function findHashtags(text: string): string[] {
  const tags = text
    .replace(URL_PATTERN, ' ')
    .matchAll(/(?<![\p{L}\p{N}_&/])#([\p{L}\p{N}\p{M}_]{1,100})/gu)
    .map(([, tag]) => normalizeHashtag(tag ?? ''))
    .filter((tag) => /\D/.test(tag) && tag.length <= 100);
  return [...new Set(tags)].slice(0, MAX_HASHTAGS);
}

/** The form in which hashtags are stored and compared. */
export const normalizeHashtag = (tag: string): string => tag.replace(/^#/, '').normalize('NFC').toLowerCase();
