import { type ByteSource, NotStrippable, type Output, readExactly } from './bytes';
import type { Box, Range } from './iso-boxes';
import { blankItems } from './iso-items';
import { blankFragment, blankMovie, type KeptTracks } from './iso-movie';

/** Boxes that are held in memory while they are taken apart. The tables of a film of hours take a few MB. */
const MAX_HELD_BYTES = 64 * 1024 * 1024;
/** Of a fragmented recording each fragment has two. */
const MAX_TOP_BOXES = 200_000;

/** A box at the top of the file. */
interface TopBox extends Box {
  /** As many bytes as its header says, or up to the end of a file that is cut off. */
  readonly end: number;
}

/**
 * Keeps what a picture (AVIF, HEIF) or a movie (MP4, QuickTime) is decoded with. Everything else becomes free space of the
 * same size, so that no offset changes: metadata, user data, times, tracks that are neither seen nor heard, thumbnails, boxes
 * of other makers, and all bytes that no kept item or track refers to.
 */
export function stripIso(source: ByteSource, output: Output): void {
  const boxes = topBoxes(source);
  if (boxes[0]?.type !== 'ftyp') throw new NotStrippable('no file type');
  const kept: Range[] = [];
  let tracks: KeptTracks = new Map();
  const rewritten = new Map<TopBox, Buffer>();
  for (const box of boxes) {
    if (!['moov', 'meta', 'moof'].includes(box.type)) continue;
    const buffer = hold(source, box);
    const whole = { type: box.type, start: 0, content: box.content - box.start, end: buffer.length };
    if (box.type === 'moov') {
      const movie = blankMovie(buffer, whole);
      ({ tracks } = movie);
      for (const range of movie.ranges) kept.push(range);
    } else if (box.type === 'meta') kept.push(...blankItems(buffer, whole));
    else kept.push(...blankFragment(buffer, whole, { start: box.start, tracks }));
    rewritten.set(box, buffer);
  }
  const ranges = merged(kept);
  if (ranges.length === 0) throw new NotStrippable('nothing that is shown or heard');
  for (const box of boxes) {
    const buffer = rewritten.get(box);
    if (buffer !== undefined) output.bytes(buffer);
    else if (box.type === 'ftyp' || box.type === 'styp') output.bytes(brandsOf(source, box));
    else if (INDEXES.has(box.type)) output.bytes(hold(source, box));
    else if (box.type === 'mdat') copyKept(box, ranges, output);
    else {
      output.bytes(freeHeader(source, box));
      output.zeros(box.end - box.content);
    }
  }
}

/** Where fragments are. */
const INDEXES = new Set(['sidx', 'ssix', 'mfra']);
const MAX_BRANDS_BYTES = 1_024;

function brandsOf(source: ByteSource, box: TopBox): Buffer {
  if (box.end - box.start > MAX_BRANDS_BYTES) throw new NotStrippable('too many brands');
  return hold(source, box);
}

function hold(source: ByteSource, box: TopBox): Buffer {
  if (box.end - box.start > MAX_HELD_BYTES) throw new NotStrippable('a box that is too large');
  return Buffer.from(readExactly(source, box.start, box.end - box.start));
}

function topBoxes(source: ByteSource): TopBox[] {
  const boxes: TopBox[] = [];
  for (let at = 0; at + 8 <= source.size; ) {
    const head = source.read(at, 16);
    const size = head.readUInt32BE(0);
    const isLong = size === 1 && head.length === 16;
    const length = isLong ? Number(head.readBigUInt64BE(8)) : size === 0 ? source.size - at : size;
    const content = at + (isLong ? 16 : 8);
    if (length < content - at) throw new NotStrippable('a box that does not fit');
    boxes.push({
      type: head.toString('latin1', 4, 8),
      start: at,
      content: Math.min(content, source.size),
      end: Math.min(at + length, source.size),
    });
    if (boxes.length > MAX_TOP_BOXES) throw new NotStrippable('too many boxes');
    at += length;
  }
  return boxes;
}

/** Sorted, and none touches another. */
function merged(ranges: readonly Range[]): Range[] {
  const result: { from: number; to: number }[] = [];
  for (const { from, to } of ranges.toSorted((one, other) => one.from - other.from)) {
    const last = result.at(-1);
    if (last !== undefined && from <= last.to) last.to = Math.max(last.to, to);
    else result.push({ from, to });
  }
  return result;
}

/** The content of a box as far as a kept range refers to it, and zeros elsewhere. */
function copyKept(box: TopBox, ranges: readonly Range[], output: Output): void {
  output.copy(box.start, box.content);
  let at = box.content;
  for (let index = firstAfter(ranges, box.content); index < ranges.length; index++) {
    const { from, to } = ranges[index] ?? { from: box.end, to: box.end };
    if (from >= box.end) break;
    const [start, end] = [Math.max(from, at), Math.min(to, box.end)];
    output.zeros(start - at);
    output.copy(start, end);
    at = Math.max(at, end);
  }
  output.zeros(box.end - at);
}

/** The index of the first range that ends after `at`. */
function firstAfter(ranges: readonly Range[], at: number): number {
  let [low, high] = [0, ranges.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ranges[middle]?.to ?? 0) > at) high = middle;
    else low = middle + 1;
  }
  return low;
}

function freeHeader(source: ByteSource, box: TopBox): Buffer {
  const head = Buffer.from(source.read(box.start, box.content - box.start));
  head.write('free', 4, 'latin1');
  return head;
}
