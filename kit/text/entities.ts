import { domainToUnicode } from 'node:url';
import { LinkifyIt } from 'linkify-it';
import tlds from 'tlds';
import { identityKey } from './identity';

/** A part of a text that means something besides its letters. Offsets count UTF-16 code units. */
export interface Entity {
  readonly kind: 'url' | 'mention' | 'hashtag';
  readonly start: number;
  readonly end: number;
  /** A URL as it stands; the username in lower case; the hashtag's canonical key. */
  readonly value: string;
}

/** Longest URL that counts as one: longer ones are text, so that nothing is smuggled in as a link. */
const MAX_URL_CHARACTERS = 2_048;
const MAX_TAG_CHARACTERS = 100;

const TOP_LEVEL_DOMAINS = new Set(tlds);
/** Only what has a scheme: `example.com` is text, as it is to the services of the field. */
const links = new LinkifyIt({ fuzzyEmail: false, fuzzyLink: false, fuzzyIP: false });

/** A letter, mark, digit or connector continues a word (UAX #31, XID_Continue); joiners shape letters within one. */
const WORD = String.raw`[\p{XID_Continue}\u200c\u200d]`;
/** What a name or tag may not follow directly: part of a word, of an address, of a path, or of an HTML entity. */
const NOT_WITHIN = String.raw`(?<![\p{XID_Continue}\u200c\u200d@/&.])`;
/** A username is ASCII. It ends where no further character could belong to a word: \`@renXé\` names nobody. */
const MENTION = new RegExp(`${NOT_WITHIN}@([A-Za-z0-9_]{3,30})(?!${WORD}|@)`, 'gu');
/** UAX #31, hashtag identifiers (UAX31-D2). */
const HASHTAG = new RegExp(String.raw`${NOT_WITHIN}[#＃](?![\u200c\u200d])(${WORD}+)(?!${WORD}|[#＃])`, 'gu');
/** Neither a number alone is a tag, nor what nobody sees: the keycap emoji `#️⃣` is a sign and two marks. */
const HAS_LETTER = /(?!\p{Default_Ignorable_Code_Point})[\p{L}\p{Nl}]/u;

/** The URLs, mentions and hashtags of a text in their order, none within another. */
export function entitiesOf(text: string): Entity[] {
  const urls = urlsOf(text);
  const isFree = ({ start, end }: Entity) => !urls.some((url) => start < url.end && end > url.start);
  const named = [...mentionsIn(text), ...hashtagsIn(text)].filter(isFree);
  return [...urls, ...named].sort((one, other) => one.start - other.start);
}

/** The web addresses (`http`, `https`) of a text: those on a host name of the public DNS. */
export function urlsOf(text: string): Entity[] {
  if (!text.includes('://')) return [];
  return [...text.matchAll(/\S+/g)].flatMap((run) => urlsInRun(run[0], run.index));
}

/** Scanning quotes and brackets in paths takes quadratic time; a run without white space is scanned no further than this. */
const MAX_RUN_CHARACTERS = 2 * MAX_URL_CHARACTERS;

/** @param offset of the run in its text */
function urlsInRun(run: string, offset: number): Entity[] {
  if (!run.includes('://')) return [];
  const scanned = run.slice(0, MAX_RUN_CHARACTERS);
  // What ends where the scan does may go on.
  const isWhole = (end: number) => end < scanned.length || scanned.length === run.length;
  return (links.match(scanned) ?? [])
    .filter(
      ({ schema, url, lastIndex }) => /^https?:$/i.test(schema) && isPublicUrl(url) && isWhole(lastIndex),
    )
    .map(({ index, lastIndex, raw }) => ({
      kind: 'url',
      start: offset + index,
      end: offset + lastIndex,
      value: raw,
    }));
}

function isPublicUrl(url: string): boolean {
  if (url.length > MAX_URL_CHARACTERS || !URL.canParse(url)) return false;
  const { hostname } = new URL(url);
  const labels = hostname.split('.');
  const topLevel = domainToUnicode(labels.at(-1) ?? '');
  // RFC 1035, section 2.3.4.
  return (
    hostname.length <= 253 && labels.every(({ length }) => length <= 63) && TOP_LEVEL_DOMAINS.has(topLevel)
  );
}

function* mentionsIn(text: string): Generator<Entity> {
  for (const match of text.matchAll(MENTION)) yield entity('mention', match, (match[1] ?? '').toLowerCase());
}

function* hashtagsIn(text: string): Generator<Entity> {
  for (const match of text.matchAll(HASHTAG)) {
    const key = hashtagKey(match[1] ?? '');
    if (HAS_LETTER.test(key) && key.length <= MAX_TAG_CHARACTERS) yield entity('hashtag', match, key);
  }
}

const entity = (kind: Entity['kind'], match: RegExpExecArray, value: string): Entity => ({
  kind,
  start: match.index,
  end: match.index + match[0].length,
  value,
});

/** What renderers ignore, such as variation selectors, except for joiners: within a word they change it in some scripts. */
const INVISIBLE = /(?![\u200c\u200d])\p{Default_Ignorable_Code_Point}/gu;
const isJoiner = (character: string | undefined) => character === '\u200c' || character === '\u200d';

/** The canonical key of a hashtag, with or without its sign. Raise `TEXT_VERSION` of timelines when the rule changes. */
export function hashtagKey(tag: string): string {
  const key = identityKey(tag.replace(/^[#＃]/, '').replace(INVISIBLE, ''), 'ignore');
  let start = 0;
  let end = key.length;
  while (start < end && isJoiner(key[start])) start++;
  while (end > start && isJoiner(key[end - 1])) end--;
  return key.slice(start, end);
}
