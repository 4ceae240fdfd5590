import { type ByteSource, NotStrippable, type Output, readExactly } from './bytes';
import { blankComments } from './vorbis-comment';

/** Elements of Matroska (RFC 9559), by their identifiers. */
const EBML_HEADER = 0x1a45dfa3;
const SEGMENT = 0x18538067;
const CLUSTER = 0x1f43b675;
const VOID = 0xec;
const TRACKS = 0x1654ae6b;
const TRACK_ENTRY = 0xae;
const TRACK_NUMBER = 0xd7;
const TRACK_TYPE = 0x83;
const CODEC_ID = 0x86;
const CODEC_PRIVATE = 0x63a2;
const SIMPLE_BLOCK = 0xa3;
const BLOCK_GROUP = 0xa0;
const BLOCK = 0xa1;

/** What is kept of an element: all, all but its text, or what is listed. */
type Rule = 'whole' | 'empty' | Rules;
interface Rules {
  readonly [id: number]: Rule;
}

const wholes = (...ids: readonly number[]): Rules =>
  Object.fromEntries(ids.map((id) => [id, 'whole' as const]));

/** Elements that are read into memory. The names of the programs are mandatory. */
const HELD: Rules = {
  290298740: { 19899: wholes(0x53ab, 0x53ac) },
  357149030: { ...wholes(0x2ad7b1, 0x4489), 19840: 'empty', 22337: 'empty' },
  [TRACKS]: {
    [TRACK_ENTRY]: {
      ...wholes(TRACK_NUMBER, 0x73c5, TRACK_TYPE, 0xb9, 0x88, 0x55aa, 0x9c, 0x6de7, 0x6df8, 0x23e383),
      ...wholes(0x234e7a, 0x55ee, 0x22b59c, 0x22b59d, CODEC_ID, CODEC_PRIVATE, 0xaa, 0x56aa, 0x56bb),
      224: {
        ...wholes(
          0x9a,
          0x9d,
          0x53b8,
          0x53c0,
          0xb0,
          0xba,
          0x54aa,
          0x54bb,
          0x54cc,
          0x54dd,
          0x54b0,
          0x54ba,
          0x54b2,
        ),
        21936: 'whole',
      },
      225: wholes(0xb5, 0x78b5, 0x9f, 0x6264),
    },
  },
  475249515: { 187: { 179: 'whole', 183: wholes(0xf7, 0xf1, 0xf0, 0xb2, 0x5378) } },
};
/** Of a cluster, besides blocks. */
const TIMES = new Set([0xe7, 0xab, 0xa7]);
/** Of a group, besides its block. */
const GROUP: Rules = { ...wholes(BLOCK, 0x9b, 0xfb, 0x75a2), 30113: { 166: wholes(0xee, 0xa5) } };

const MAX_HEADER_BYTES = 1_024;
const MAX_HELD_BYTES = 32 * 1024 * 1024;
const VIDEO = 1;
const SOUND = 2;

interface Element {
  readonly id: number;
  readonly start: number;
  readonly content: number;
  /** Undefined where the size is not known, as in live recordings. */
  readonly end: number | undefined;
}

/**
 * Keeps the pictures and sound of a WebM. Everything else becomes void of the same size, so that no position changes: tags,
 * attachments, chapters, names, dates, and tracks of other kinds.
 */
export function stripWebm(source: ByteSource, output: Output): void {
  let tracks: ReadonlySet<number> = new Set();
  let at = 0;
  while (at < source.size) {
    const element = elementAt((from, length) => source.read(from, length), at);
    if (element === undefined) break;
    const { id, start, content } = element;
    if (start === 0 && id !== EBML_HEADER) throw new NotStrippable('no WebM');
    // Their elements follow as if they were not within one.
    if (id === SEGMENT || id === CLUSTER) {
      output.copy(start, content);
      at = content;
      continue;
    }
    if (element.end === undefined) throw new NotStrippable('an element of unknown size');
    if (element.end > source.size) break;
    const { end } = element;
    at = end;
    const rule = Object.hasOwn(HELD, id) ? HELD[id] : undefined;
    if (id === EBML_HEADER && end <= MAX_HEADER_BYTES) output.copy(start, end);
    else if (rule !== undefined || id === BLOCK_GROUP) {
      if (end - start > MAX_HELD_BYTES) throw new NotStrippable('an element that is too large');
      const buffer = Buffer.from(readExactly(source, start, end - start));
      if (id === TRACKS) tracks = blankTracks(buffer, content - start);
      if (rule === undefined) blankGroup(buffer, content - start, tracks);
      else applyRule(buffer, { start: content - start, end: buffer.length }, rule);
      output.bytes(buffer);
    } else if (id === SIMPLE_BLOCK && tracks.has(trackOf(source.read(content, 8)))) output.copy(start, end);
    else if (TIMES.has(id) && end - content <= 8) output.copy(start, end);
    else {
      const hidden = Buffer.alloc(Math.min(end - start, 9));
      writeVoid(hidden, 0, end - start);
      output.bytes(hidden);
      output.zeros(end - start - hidden.length);
    }
  }
}

type Read = (at: number, length: number) => Buffer;

/** The header of an element: an identifier and a size, both of variable length (RFC 8794). */
function elementAt(read: Read, at: number): Element | undefined {
  const head = read(at, 12);
  const idBytes = Math.clz32(head[0] ?? 0) - 23;
  const sizeBytes = Math.clz32(head[idBytes] ?? 0) - 23;
  if (idBytes > 4 || sizeBytes > 8 || head.length < idBytes + sizeBytes) return undefined;
  const id = head.readUIntBE(0, idBytes);
  let size = (head[idBytes] ?? 0) & (0xff >> sizeBytes);
  let isUnknown = size === 0xff >> sizeBytes;
  for (let index = 1; index < sizeBytes; index++) {
    const byte = head[idBytes + index] ?? 0;
    size = size * 256 + byte;
    isUnknown &&= byte === 0xff;
  }
  const content = at + idBytes + sizeBytes;
  return { id, start: at, content, end: isUnknown ? undefined : content + size };
}

interface Within {
  readonly start: number;
  readonly end: number;
}

function* elementsIn(buffer: Buffer, { start, end }: Within): Generator<Element & { end: number }> {
  for (let at = start; at < end; ) {
    const element = elementAt((from, length) => buffer.subarray(from, from + length), at);
    if (element?.end === undefined || element.end > end)
      throw new NotStrippable('an element that does not fit');
    yield { ...element, end: element.end };
    at = element.end;
  }
}

function applyRule(buffer: Buffer, within: Within, rules: Rule): void {
  if (rules === 'whole') return;
  if (rules === 'empty') return void buffer.fill(0, within.start, within.end);
  for (const { id, start, content, end } of elementsIn(buffer, within)) {
    const rule = Object.hasOwn(rules, id) ? rules[id] : undefined;
    if (rule !== undefined) applyRule(buffer, { start: content, end }, rule);
    else if (end - start >= 2) {
      writeVoid(buffer, start, end - start);
    }
  }
}

/** Makes an element of `length` bytes void; zeros fill it as far as the buffer reaches. */
function writeVoid(buffer: Buffer, start: number, length: number): void {
  buffer.fill(0, start, Math.min(start + length, buffer.length));
  buffer[start] = VOID;
  // A size of one byte reaches to 126.
  if (length <= 128) buffer[start + 1] = 0x80 | (length - 2);
  else {
    buffer.writeBigUInt64BE(BigInt(length - 9), start + 1);
    buffer[start + 1] = 0x01;
  }
}

/** Blanks tracks that are neither seen nor heard. @returns the numbers of the others */
function blankTracks(buffer: Buffer, from: number): Set<number> {
  const kept = new Set<number>();
  for (const entry of elementsIn(buffer, { start: from, end: buffer.length })) {
    if (entry.id !== TRACK_ENTRY) continue;
    const fields = new Map(
      [...elementsIn(buffer, { start: entry.content, end: entry.end })].map((one) => [one.id, one]),
    );
    const numberOf = (id: number) => {
      const field = fields.get(id);
      if (field === undefined || field.end - field.content > 6 || field.end === field.content) return -1;
      return buffer.readUIntBE(field.content, field.end - field.content);
    };
    if (![VIDEO, SOUND].includes(numberOf(TRACK_TYPE)))
      writeVoid(buffer, entry.start, entry.end - entry.start);
    else {
      kept.add(numberOf(TRACK_NUMBER));
      const [codec, setup] = [fields.get(CODEC_ID), fields.get(CODEC_PRIVATE)];
      if (codec === undefined || setup === undefined) continue;
      if (buffer.toString('latin1', codec.content, codec.end).startsWith('A_VORBIS'))
        blankVorbisSetup(buffer.subarray(setup.content, setup.end));
    }
  }
  return kept;
}

/** Three headers: their number less one, the lengths of the first two (each as bytes of 255 and a last one), then they. */
function blankVorbisSetup(setup: Buffer): void {
  let at = 1;
  const length = () => {
    let total = 0;
    while (setup[at] === 255) total += setup[at++] ?? 0;
    return total + (setup[at++] ?? 0);
  };
  const [first, second] = [length(), length()];
  const start = at + first;
  if (setup[0] !== 2 || start + second > setup.length) throw new NotStrippable('headers that do not fit');
  blankComments(setup.subarray(start + 7, start + second), true);
}

function blankGroup(buffer: Buffer, from: number, tracks: ReadonlySet<number>): void {
  const within = { start: from, end: buffer.length };
  const block = [...elementsIn(buffer, within)].find(({ id }) => id === BLOCK);
  if (block !== undefined && tracks.has(trackOf(buffer.subarray(block.content, block.content + 8))))
    applyRule(buffer, within, GROUP);
  else writeVoid(buffer, 0, buffer.length);
}

/** The number that a block begins with. */
function trackOf(head: Buffer): number {
  const bytes = Math.clz32(head[0] ?? 0) - 23;
  if (bytes > 6 || head.length < bytes) return -1;
  return head.readUIntBE(0, bytes) - 2 ** (7 * bytes);
}
