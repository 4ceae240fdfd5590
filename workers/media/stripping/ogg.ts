import { type ByteSource, NotStrippable, type Output } from './bytes';
import { blankComments } from './vorbis-comment';

/** RFC 3533, section 6. */
const HEAD_BYTES = 27;
const BEGINS_STREAM = 0x02;
const CONTINUES_PACKET = 0x01;
/** Pages are held until the headers of all streams are complete: pictures of covers are in there. */
const MAX_HELD_BYTES = 64 * 1024 * 1024;

interface Page {
  readonly serial: number;
  readonly flags: number;
  readonly bytes: Buffer;
  /** The lengths of the segments. */
  readonly lacing: Buffer;
  readonly content: Buffer;
}

/** Where a packet is, in pages that are held. */
type Packet = Buffer[];

interface Codec {
  readonly starts: string;
  /** Blanks what is not needed in the headers after the first. @returns whether more headers follow */
  readonly blank: (packet: Buffer, index: number) => boolean;
}

const comments =
  (start: number, framed: boolean): Codec['blank'] =>
  (packet) => {
    blankComments(packet.subarray(start), framed);
    return false;
  };

const CODECS: readonly Codec[] = [
  { starts: '\x01vorbis', blank: comments(7, true) },
  { starts: 'OpusHead', blank: comments(8, false) },
  { starts: 'Speex   ', blank: comments(0, false) },
  { starts: '\x7fFLAC', blank: blankFlacBlock },
];

/** A metadata block of FLAC (RFC 9639, section 8): the table of seek points stays. */
function blankFlacBlock(packet: Buffer): boolean {
  const kind = (packet[0] ?? 0) & 0x7f;
  const isLast = ((packet[0] ?? 0x80) & 0x80) !== 0;
  if (kind === 4) blankComments(packet.subarray(4), false);
  else if (kind !== 3) {
    packet[0] = (isLast ? 0x80 : 0) | 1;
    packet.fill(0, 4);
  }
  return !isLast;
}

interface Stream {
  readonly codec: Codec;
  /** Of the next packet; the first names the codec. */
  index: number;
  open: Packet;
  isComplete: boolean;
}

/** Keeps the sound of an Ogg file. Comments become blanks; streams of other kinds and what is between pages go. */
export function stripOgg(source: ByteSource, output: Output): void {
  const streams = new Map<number, Stream>();
  let held: Page[] = [];
  let heldBytes = 0;
  const flush = () => {
    for (const { bytes } of held) output.bytes(withChecksum(bytes));
    held = [];
    heldBytes = 0;
  };
  for (let at = 0; at < source.size; ) {
    const found = nextPage(source, at);
    if (found === undefined) break;
    const { page, start } = found;
    at = start + page.bytes.length;
    if ((page.flags & BEGINS_STREAM) !== 0) beginStream(streams, page);
    const stream = streams.get(page.serial);
    if (stream === undefined) continue;
    const isHeld = [...streams.values()].some(({ isComplete }) => !isComplete);
    if (!isHeld) {
      output.copy(start, at);
      continue;
    }
    held.push(page);
    heldBytes += page.bytes.length;
    if (heldBytes > MAX_HELD_BYTES) throw new NotStrippable('headers that are too long');
    readHeaders(stream, page);
    if ([...streams.values()].every(({ isComplete }) => isComplete)) flush();
  }
  if (held.length > 0 || streams.size === 0) throw new NotStrippable('no complete headers');
}

const MAX_STREAMS = 100;

function beginStream(streams: Map<number, Stream>, { serial, content }: Page): void {
  const codec = CODECS.find(({ starts }) => content.toString('latin1', 0, starts.length) === starts);
  streams.delete(serial);
  if (codec === undefined) return;
  if (streams.size >= MAX_STREAMS) throw new NotStrippable('too many streams');
  streams.set(serial, { codec, index: 0, open: [], isComplete: false });
}

/** Follows the packets of a page, and blanks each header once all of it is there. */
function readHeaders(stream: Stream, { flags, lacing, content }: Page): void {
  if ((flags & CONTINUES_PACKET) === 0) stream.open = [];
  let at = 0;
  for (const length of lacing) {
    stream.open.push(content.subarray(at, at + length));
    at += length;
    if (length === 255 || stream.isComplete) continue;
    if (stream.index > 0) stream.isComplete = !blankPacket(stream);
    stream.index++;
    stream.open = [];
  }
}

function blankPacket({ codec, open, index }: Stream): boolean {
  const packet = Buffer.concat(open);
  const more = codec.blank(packet, index);
  let at = 0;
  for (const part of open) at += packet.copy(part, 0, at, at + part.length);
  return more;
}

function nextPage(source: ByteSource, from: number): { page: Page; start: number } | undefined {
  for (let at = from; at < source.size; ) {
    const chunk = source.read(at, CHUNK_BYTES);
    const found = chunk.indexOf('OggS', 0, 'latin1');
    if (found === -1) {
      if (chunk.length < CHUNK_BYTES) return undefined;
      at += chunk.length - 3;
      continue;
    }
    at += found;
    const page = pageAt(source, at);
    if (page !== undefined) return { page, start: at };
    at += 4;
  }
  return undefined;
}

const CHUNK_BYTES = 64 * 1024;

function pageAt(source: ByteSource, at: number): Page | undefined {
  const head = source.read(at, HEAD_BYTES);
  if (head.length < HEAD_BYTES || head[4] !== 0) return undefined;
  const segments = head[26] ?? 0;
  const lacing = Buffer.from(source.read(at + HEAD_BYTES, segments));
  const length = HEAD_BYTES + segments + lacing.reduce((sum, one) => sum + one, 0);
  if (lacing.length < segments || at + length > source.size) return undefined;
  const bytes = Buffer.from(source.read(at, length));
  return {
    serial: bytes.readUInt32LE(14),
    flags: bytes[5] ?? 0,
    bytes,
    lacing,
    content: bytes.subarray(HEAD_BYTES + segments),
  };
}

/** RFC 3533: polynomial 0x04c11db7, not reflected, over the page with zeros in place of the checksum. */
const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let rest = index << 24;
  for (let bit = 0; bit < 8; bit++) rest = (rest << 1) ^ (rest < 0 ? 0x04c11db7 : 0);
  return rest >>> 0;
});

function withChecksum(page: Buffer): Buffer {
  page.writeUInt32LE(0, 22);
  let sum = 0;
  for (const byte of page) sum = ((sum << 8) ^ (TABLE[((sum >>> 24) ^ byte) & 0xff] ?? 0)) >>> 0;
  page.writeUInt32LE(sum, 22);
  return page;
}
