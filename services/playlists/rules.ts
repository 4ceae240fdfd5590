import { generateNKeysBetween } from 'fractional-indexing';
import { truncate } from '#kit/text/graphemes';

/** A fractional index of a video: positions compare as strings, code unit by code unit. */
export interface VideoPosition {
  readonly videoId: string;
  readonly position: string;
}

const COPY_SUFFIX = ' (copy)';

/** The name of a copy: the original's, shortened where the suffix needs its place. */
export const copyNameOf = (
  name: string,
  limits: { readonly max: number; readonly maxUnits: number },
): string =>
  truncate(name, limits.max - COPY_SUFFIX.length, limits.maxUnits - COPY_SUFFIX.length) + COPY_SUFFIX;

/** A position grows by about one character per six moves into the same gap; the column holds 255. */
const MAX_POSITION_LENGTH = 100;

/**
 * Inserts new videos.
 *
 * @param order sorted by position
 * @param index of the first new video afterwards; beyond the end means the end
 * @returns the rows to write: the new ones, or all when positions have grown too long and are rebalanced
 */
export function insertAt(
  order: readonly VideoPosition[],
  videoIds: readonly string[],
  index: number,
): VideoPosition[] {
  const before = order[Math.min(index, order.length) - 1]?.position ?? null;
  const after = order[index]?.position ?? null;
  const positions = generateNKeysBetween(before, after, videoIds.length);
  const inserted = videoIds.map((videoId, number) => ({ videoId, position: positions[number] ?? '' }));
  if (positions.every((position) => position.length <= MAX_POSITION_LENGTH)) return inserted;
  return evenPositions(order.toSpliced(index, 0, ...inserted).map(({ videoId }) => videoId));
}

/**
 * Moves one video.
 *
 * @param index of the video afterwards; beyond the end means the end
 * @returns the rows to write: one, none when the index is unchanged, or all when positions are rebalanced
 */
export function moveTo(order: readonly VideoPosition[], videoId: string, index: number): VideoPosition[] {
  const others = order.filter((each) => each.videoId !== videoId);
  const target = Math.min(index, others.length);
  if (order[target]?.videoId === videoId) return [];
  return insertAt(others, [videoId], target);
}

/**
 * Reorders all videos.
 *
 * @returns the rows to write: the videos that have to move, or all when positions are rebalanced
 */
export function reorderTo(order: readonly VideoPosition[], videoIds: readonly string[]): VideoPosition[] {
  const positionOf = new Map(order.map(({ videoId, position }) => [videoId, position]));
  const wanted = videoIds.map((videoId) => ({ videoId, position: positionOf.get(videoId) ?? '' }));
  const staying = longestIncreasingSubsequence(wanted.map(({ position }) => position));
  const written: VideoPosition[] = [];
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
  return written.every(({ position }) => position.length <= MAX_POSITION_LENGTH)
    ? written
    : evenPositions(videoIds);
}

/** New positions for all videos, as short as possible. */
export function evenPositions(videoIds: readonly string[]): VideoPosition[] {
  const positions = generateNKeysBetween(null, null, videoIds.length);
  return videoIds.map((videoId, number) => ({ videoId, position: positions[number] ?? '' }));
}

/** The indexes of a longest increasing subsequence (patience sorting). */
function longestIncreasingSubsequence(texts: readonly string[]): ReadonlySet<number> {
  /** For each length, the index of the smallest last element of an increasing subsequence of that length. */
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
  const indexes = new Set<number>();
  for (let index = ends.at(-1); index !== undefined; index = previous[index]) indexes.add(index);
  return indexes;
}
