import { type ByteSource, createOutput, NotStrippable, type Output } from './bytes';
import { exifOf, orientationOf } from './exif';

/** Flags of the extended header (RFC 9649, section 2.7). */
const EXIF = 0x08;
const KNOWN_FLAGS = 0x20 | 0x10 | 0x02;
const MAX_EXIF_BYTES = 1024 * 1024;

const PICTURES = new Set(['ALPH', 'VP8 ', 'VP8L']);
const KEPT = new Set(['ICCP', 'ANIM', ...PICTURES]);
const FRAME_HEAD_BYTES = 16;

/** Keeps the pictures of a WebP, its animation and its colour profile, and of Exif the orientation. */
export function stripWebp(source: ByteSource, output: Output): void {
  const head = source.read(0, 12);
  if (head.toString('latin1', 0, 4) !== 'RIFF' || head.toString('latin1', 8, 12) !== 'WEBP')
    throw new NotStrippable('no WebP');
  const end = Math.min(source.size, 8 + head.readUInt32LE(4));
  const chunks = chunksIn(source, 12, end);
  const extended = chunks.find(({ name, length }) => name === 'VP8X' && length >= 10);
  const exif = chunks.find(({ name, length }) => name === 'EXIF' && length <= MAX_EXIF_BYTES);
  const orientation =
    extended === undefined || exif === undefined
      ? 1
      : orientationOf(tiffOf(source.read(exif.at, exif.length)));
  const body = createOutput();
  for (const chunk of chunks)
    if (chunk === extended) {
      const flags = ((source.read(chunk.at, 1)[0] ?? 0) & KNOWN_FLAGS) | (orientation > 1 ? EXIF : 0);
      const size = Buffer.from(source.read(chunk.at + 4, 6));
      body.bytes(head8('VP8X', 10), Buffer.from([flags, 0, 0, 0]), size);
    } else if (chunk.name === 'ANMF' && chunk.length >= FRAME_HEAD_BYTES) keepFrame(source, chunk, body);
    else if (KEPT.has(chunk.name)) keepChunk(chunk, body);
  if (orientation > 1) body.bytes(head8('EXIF', 26), exifOf(orientation));
  output.bytes(head8('RIFF', body.size + 4), Buffer.from('WEBP'));
  output.append(body);
}

interface Chunk {
  readonly name: string;
  /** Of its content. */
  readonly at: number;
  readonly length: number;
}

function chunksIn(source: ByteSource, from: number, end: number): Chunk[] {
  const chunks: Chunk[] = [];
  for (let at = from; at + 8 <= end; ) {
    const head = source.read(at, 8);
    const length = head.readUInt32LE(4);
    if (at + 8 + length > end) throw new NotStrippable('a WebP that is cut off');
    chunks.push({ name: head.toString('latin1', 0, 4), at: at + 8, length });
    if (chunks.length > MAX_CHUNKS) throw new NotStrippable('too many chunks');
    at += 8 + length + (length % 2);
  }
  return chunks;
}

/** Pictures of more than 100 frames are rejected. */
const MAX_CHUNKS = 10_000;

function keepChunk({ name, at, length }: Chunk, output: Output): void {
  output.bytes(head8(name, length));
  output.copy(at, at + length);
  output.zeros(length % 2);
}

/** A frame holds chunks itself. */
function keepFrame(source: ByteSource, { at, length }: Chunk, output: Output): void {
  const inner = createOutput();
  inner.copy(at, at + FRAME_HEAD_BYTES);
  for (const chunk of chunksIn(source, at + FRAME_HEAD_BYTES, at + length))
    if (PICTURES.has(chunk.name)) keepChunk(chunk, inner);
  output.bytes(head8('ANMF', inner.size));
  output.append(inner);
}

/** Some writers begin the chunk as JPEG does. */
const tiffOf = (exif: Buffer): Buffer =>
  exif.toString('latin1', 0, 6) === 'Exif\0\0' ? exif.subarray(6) : exif;

function head8(name: string, length: number): Buffer {
  const head = Buffer.alloc(8);
  head.write(name, 0, 'latin1');
  head.writeUInt32LE(length, 4);
  return head;
}
