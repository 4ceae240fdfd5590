import { identityKey } from '#kit/text/identity';
import type { Video } from './model';
import { CHANNELS, GENRES, WORDS } from './words';

/** Enough for pagination, few enough for a linear search. */
const TITLES = 360;
/** Fixed: every process generates the same catalogue. */
const SEED = 20_150_101;
const FIRST_PUBLISHED_MS = Date.UTC(2019, 0, 7, 18);
const WEEK_MS = 7 * 24 * 60 * 60 * 1000;
const MIN_SECONDS = 4 * 60;
const MAX_SECONDS = 2 * 60 * 60;

export interface Catalogue {
  /** Newest first. */
  readonly videos: readonly Video[];
  find(id: string): Video | undefined;
}

export function createCatalogue(): Catalogue {
  const random = seededRandom(SEED);
  const videos: Video[] = [];
  const titles = new Set<string>();
  while (videos.length < TITLES) {
    const video = makeVideo(random, FIRST_PUBLISHED_MS + videos.length * WEEK_MS);
    if (titles.has(video.title)) continue;
    titles.add(video.title);
    videos.push(video);
  }
  const byId = new Map(videos.map((video) => [video.id, video]));
  return { videos: videos.toReversed(), find: (id) => byId.get(id) };
}

/** Whether a video contains all words of a query, ignoring case, in composed or decomposed letters. */
export function matches(video: Video, query: string): boolean {
  const text = identityKey(`${video.title} ${video.channel} ${video.genre} ${video.description}`, 'ignore');
  return identityKey(query, 'ignore')
    .split(/\s+/)
    .every((word) => text.includes(word));
}

type Random = () => number;

function makeVideo(random: Random, publishedMs: number): Video {
  const genre = pick(random, Object.keys(GENRES));
  const { patterns = [], about = [] } = GENRES[genre] ?? {};
  const seconds = MIN_SECONDS + Math.floor(random() * (MAX_SECONDS - MIN_SECONDS));
  // Picked once, so that title and description use the same words.
  const words = new Map(Object.entries(WORDS).map(([kind, choices]) => [kind, pick(random, choices)]));
  return {
    id: idAt(random, publishedMs),
    title: fill(pick(random, patterns), words),
    description: fill(pick(random, about), new Map([...words].map(inSentence))),
    genre,
    channel: pick(random, CHANNELS),
    duration_seconds: seconds,
    published_at: new Date(publishedMs).toISOString(),
  };
}

const PROPER_NOUNS = new Set(['place', 'institution']);

const inSentence = ([kind, word]: [string, string]): [string, string] => [
  kind,
  PROPER_NOUNS.has(kind) ? word : word.toLowerCase(),
];

function fill(pattern: string, words: ReadonlyMap<string, string>): string {
  const filled = pattern.replaceAll(
    /\{(\w+)\}/g,
    (placeholder, kind: string) => words.get(kind) ?? placeholder,
  );
  return filled.charAt(0).toUpperCase() + filled.slice(1);
}

function pick<Item>(random: Random, items: readonly Item[]): Item {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new Error('empty word list in the catalogue');
  return item;
}

/** UUID version 7 (RFC 9562) with seeded random bits, so that the ids are reproducible as well. */
function idAt(random: Random, ms: number): string {
  const time = ms.toString(16).padStart(12, '0');
  const hex = (digits: number) =>
    Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join('');
  const variant = (8 + Math.floor(random() * 4)).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex(3)}-${variant}${hex(3)}-${hex(12)}`;
}

/** mulberry32 (Tommy Ettinger): small, fast, and random enough to pick words. */
function seededRandom(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
