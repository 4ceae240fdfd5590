import { crc32 } from 'node:zlib';
import { type ByteSource, NotStrippable, type Output } from './bytes';
import { exifOf, orientationOf } from './exif';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** The chunks that a picture is decoded and shown with (PNG, third edition), with the most bytes that each needs. */
const KEPT: ReadonlyMap<string, number> = new Map([
  ['IHDR', 13],
  ['PLTE', 768],
  ['IDAT', Number.POSITIVE_INFINITY],
  ['IEND', 0],
  ['tRNS', 256],
  ['cHRM', 32],
  ['gAMA', 4],
  ['sBIT', 4],
  ['sRGB', 1],
  ['cICP', 4],
  ['mDCV', 24],
  ['cLLI', 8],
  ['bKGD', 6],
  ['hIST', 512],
  ['pHYs', 9],
  ['acTL', 8],
  ['fcTL', 26],
  ['fdAT', Number.POSITIVE_INFINITY],
]);
const MAX_PROFILE_BYTES = 4 * 1024 * 1024;
const MAX_EXIF_BYTES = 1024 * 1024;

/**
 * Keeps what a PNG is shown with, of Exif the orientation, and the colour profile, though not its name. Text, times, private
 * chunks and what follows the end go.
 */
export function stripPng(source: ByteSource, output: Output): void {
  if (!source.read(0, 8).equals(SIGNATURE)) throw new NotStrippable('no PNG');
  if (source.read(12, 4).toString('latin1') !== 'IHDR') throw new NotStrippable('a PNG without a header');
  output.copy(0, 8);
  for (let at = 8; at + 12 <= source.size; ) {
    const head = source.read(at, 8);
    const length = head.readUInt32BE(0);
    const name = head.toString('latin1', 4, 8);
    const end = at + 12 + length;
    // A damaged end is shown as far as there is one.
    if (end > source.size) {
      if (name === 'IDAT') output.copy(at, source.size);
      return;
    }
    const most = KEPT.get(name);
    if (most !== undefined && length <= most) output.copy(at, end);
    else if (name === 'iCCP' && length <= MAX_PROFILE_BYTES) keepProfile(source.read(at + 8, length), output);
    else if (name === 'eXIf' && length <= MAX_EXIF_BYTES) {
      const orientation = orientationOf(source.read(at + 8, length));
      if (orientation > 1) output.bytes(chunk('eXIf', exifOf(orientation)));
    }
    if (name === 'IEND') return;
    at = end;
  }
}

/** A name of up to 79 characters, a zero, and the compressed profile. */
function keepProfile(content: Buffer, output: Output): void {
  const end = content.subarray(0, 80).indexOf(0);
  if (end !== -1) output.bytes(chunk('iCCP', Buffer.concat([Buffer.from('icc'), content.subarray(end)])));
}

function chunk(name: string, content: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), content]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(content.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}
