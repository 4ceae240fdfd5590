import { generateNKeysBetween } from 'fractional-indexing';

/** A video and its place: positions compare as texts, code unit by code unit. */
export interface Placed {
  readonly videoId: string;
  readonly position: string;
}

/** Positions grow by about a character with every sixth move into the same gap; the column holds 255. */
const LONGEST_POSITION = 100;

/**
 * Puts new videos into an order.
 *
 * @param order as it is, sorted
 * @param index of the first one afterwards; beyond the end means the end
 * @returns the rows to write: the new ones only, or all of them when positions have grown too long
 */
export function insertAt(order: readonly Placed[], videoIds: readonly string[], index: number): Placed[] {
  const before = order[Math.min(index, order.length) - 1]?.position ?? null;
  const after = order[index]?.position ?? null;
  const positions = generateNKeysBetween(before, after, videoIds.length);
  const placed = videoIds.map((videoId, number) => ({ videoId, position: positions[number] ?? '' }));
  if (positions.every((position) => position.length <= LONGEST_POSITION)) return placed;
  return spreadEvenly(order.toSpliced(index, 0, ...placed).map(({ videoId }) => videoId));
}

/**
 * Moves one video of an order.
 *
 * @param index of it afterwards; beyond the end means the end
 * @returns the rows to write: one, none when it stands there already, or all when positions have grown too long
 */
export function moveTo(order: readonly Placed[], videoId: string, index: number): Placed[] {
  const others = order.filter((placed) => placed.videoId !== videoId);
  const target = Math.min(index, others.length);
  if (order[target]?.videoId === videoId) return [];
  return insertAt(others, [videoId], target);
}

/**
 * Brings an order into another of the same videos.
 *
 * @returns the rows to write: only those videos that have to move for it
 */
export function rearrange(order: readonly Placed[], videoIds: readonly string[]): Placed[] {
  const positionOf = new Map(order.map(({ videoId, position }) => [videoId, position]));
  const wanted = videoIds.map((videoId) => ({ videoId, position: positionOf.get(videoId) ?? '' }));
  const staying = longestRising(wanted.map(({ position }) => position));
  const written: Placed[] = [];
  for (let start = 0; start < wanted.length; ) {
    if (staying.has(start)) {
      start++;
      continue;
    }
    let end = start;
    while (end < wanted.length && !staying.has(end)) end++;
    const before = wanted[start - 1]?.position ?? null;
    const positions = generateNKeysBetween(before, wanted[end]?.position ?? null, end - start);
    for (const [number, position] of positions.entries())
      written.push({ videoId: wanted[start + number]?.videoId ?? '', position });
    start = end;
  }
  return written.every(({ position }) => position.length <= LONGEST_POSITION)
    ? written
    : spreadEvenly(videoIds);
}

export function spreadEvenly(videoIds: readonly string[]): Placed[] {
  const positions = generateNKeysBetween(null, null, videoIds.length);
  return videoIds.map((videoId, number) => ({ videoId, position: positions[number] ?? '' }));
}

/** The indexes of a longest rising subsequence (patience sorting). */
function longestRising(texts: readonly string[]): ReadonlySet<number> {
  /** For each length, the index where the lowest end of a rising sequence of that length stands. */
  const ends: number[] = [];
  const previous: (number | undefined)[] = [];
  for (const [index, text] of texts.entries()) {
    let low = 0;
    let high = ends.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((texts[ends[middle] ?? 0] ?? '') < text) low = middle + 1;
      else high = middle;
    }
    previous[index] = low > 0 ? ends[low - 1] : undefined;
    ends[low] = index;
  }
  const rising = new Set<number>();
  for (let index = ends.at(-1); index !== undefined; index = previous[index]) rising.add(index);
  return rising;
}
