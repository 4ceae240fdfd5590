import { NotStrippable } from './bytes';
import { type Box, boxesIn, fieldsOf, findBox, type Range, versionOf } from './iso-boxes';

/** Tables and fragments point at more samples in no file that fits the largest upload. */
const MAX_ENTRIES = 20_000_000;

/** Where the samples of a track are, by the tables of its `stbl` box. */
export function* sampleRanges(buffer: Buffer, table: Box): Generator<Range> {
  const boxes = boxesIn(buffer, table.content, table.end);
  const [sizes, runs] = [findBox(boxes, 'stsz'), findBox(boxes, 'stsc')];
  const offsets = findBox(boxes, 'stco') ?? findBox(boxes, 'co64');
  if (offsets === undefined || runs === undefined) throw new NotStrippable('a track without tables');
  const chunkOffsets = offsetsOf(buffer, offsets);
  if (chunkOffsets.length === 0) return;
  if (sizes === undefined) throw new NotStrippable('a track without sizes');
  const sizeOf = sizesOf(buffer, sizes, bytesPerSample(buffer, findBox(boxes, 'stsd')));
  const samplesIn = samplesPerChunk(buffer, runs);
  let sample = 0;
  for (const [index, from] of chunkOffsets.entries()) {
    const count = samplesIn(index + 1);
    const length = sizeOf(sample, count);
    sample += count;
    yield { from, to: from + length };
  }
}

function offsetsOf(buffer: Buffer, box: Box): number[] {
  const fields = fieldsOf(buffer, box);
  fields.skip(4);
  const count = fields.u32();
  const offsets: number[] = [];
  for (let index = 0; index < count; index++) offsets.push(box.type === 'co64' ? fields.u64() : fields.u32());
  return offsets;
}

/** @returns the bytes of `count` samples from the sample `first` */
function sizesOf(buffer: Buffer, box: Box, ofOne: number): (first: number, count: number) => number {
  const fields = fieldsOf(buffer, box);
  fields.skip(4);
  const constant = fields.u32();
  const count = fields.u32();
  if (constant === 1) return (_, samples) => Math.ceil(samples * ofOne);
  if (constant > 0) return (_, samples) => samples * constant;
  const start = fields.at;
  fields.skip(count * 4);
  return (first, samples) => {
    const last = Math.min(first + samples, count);
    let total = 0;
    for (let index = first; index < last; index++) total += buffer.readUInt32BE(start + index * 4);
    return total;
  };
}

/** QuickTime gives uncompressed sound a size of 1, whatever a sample takes. */
function bytesPerSample(buffer: Buffer, description: Box | undefined): number {
  if (description === undefined || description.content + 8 + 52 > description.end) return 1;
  const entry = description.content + 8;
  const version = buffer.readUInt16BE(entry + 16);
  if (version === 1) return buffer.readUInt32BE(entry + 44) / Math.max(buffer.readUInt32BE(entry + 36), 1);
  return (buffer.readUInt16BE(entry + 24) * buffer.readUInt16BE(entry + 26)) / 8;
}

/** @returns the samples of a chunk, the first being 1; to be asked in ascending order */
function samplesPerChunk(buffer: Buffer, box: Box): (chunk: number) => number {
  const fields = fieldsOf(buffer, box);
  fields.skip(4);
  const count = fields.u32();
  const start = fields.at;
  fields.skip(count * 12);
  let run = 0;
  return (chunk) => {
    while (run + 1 < count && buffer.readUInt32BE(start + (run + 1) * 12) <= chunk) run++;
    return count === 0 ? 0 : buffer.readUInt32BE(start + run * 12 + 4);
  };
}

export interface Fragment {
  readonly buffer: Buffer;
  readonly traf: Box;
  /** Of the `moof` box in the file. */
  readonly start: number;
  /** Of the samples of the track fragment before, where it continues. */
  readonly continuesAt: number;
  /** The size of a sample where nothing else is said. */
  readonly defaultSize: number;
}

/** Flags of `tfhd` and `trun`. */
const BASE_OFFSET = 0x1;
const DEFAULT_SIZE = 0x10;
const DATA_OFFSET = 0x1;
const FIRST_FLAGS = 0x4;
const SAMPLE_SIZE = 0x200;
const SAMPLE_FIELDS = [0x100, 0x200, 0x400, 0x800];

/** Where the samples of a track fragment are. */
export function fragmentRanges({ buffer, traf, start, ...fragment }: Fragment): Range[] {
  const boxes = boxesIn(buffer, traf.content, traf.end);
  const head = findBox(boxes, 'tfhd');
  if (head === undefined) throw new NotStrippable('a fragment without a header');
  const fields = fieldsOf(buffer, head);
  const { flags } = versionOf(fields);
  fields.skip(4);
  const base = (flags & BASE_OFFSET) === 0 ? start : fields.u64();
  if ((flags & 0x2) !== 0) fields.skip(4);
  if ((flags & 0x8) !== 0) fields.skip(4);
  const defaultSize = (flags & DEFAULT_SIZE) === 0 ? fragment.defaultSize : fields.u32();
  let next = fragment.continuesAt;
  return boxes
    .filter(({ type }) => type === 'trun')
    .map((run) => {
      const { offset, length } = runOf(buffer, run, defaultSize);
      const from = offset === undefined ? next : base + offset;
      next = from + length;
      return { from, to: next };
    });
}

function runOf(
  buffer: Buffer,
  box: Box,
  defaultSize: number,
): { offset: number | undefined; length: number } {
  const fields = fieldsOf(buffer, box);
  const { flags } = versionOf(fields);
  const count = fields.u32();
  if (count > MAX_ENTRIES) throw new NotStrippable('too many samples');
  const offset = (flags & DATA_OFFSET) === 0 ? undefined : fields.i32();
  if ((flags & FIRST_FLAGS) !== 0) fields.skip(4);
  if ((flags & SAMPLE_SIZE) === 0) return { offset, length: count * defaultSize };
  let length = 0;
  for (let index = 0; index < count; index++)
    for (const field of SAMPLE_FIELDS)
      if ((flags & field) !== 0) {
        const value = fields.u32();
        if (field === SAMPLE_SIZE) length += value;
      }
  return { offset, length };
}
