import { type ByteSource, NotStrippable, type Output, readExactly } from './bytes';
import { exifOf, orientationOf } from './exif';

/** ITU-T T.81, table B.1: second bytes of markers. */
const START_OF_IMAGE = 0xd8;
const END_OF_IMAGE = 0xd9;
const START_OF_SCAN = 0xda;
const APP0 = 0xe0;
const APP1 = 0xe1;
const APP2 = 0xe2;
const APP14 = 0xee;

/** Frames, tables and intervals: what the picture is decoded with. */
const isDecoded = (marker: number): boolean =>
  (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc8) || (marker >= 0xda && marker <= 0xdd);
const isFrame = (marker: number): boolean =>
  isDecoded(marker) && marker < 0xd0 && ![0xc4, 0xcc].includes(marker);
const isRestart = (marker: number): boolean => marker >= 0xd0 && marker <= 0xd7;

/**
 * Keeps what a JPEG is decoded with: frames, tables, scans, the colour profile, the transform that Adobe's marker names, the
 * density of JFIF, and of Exif the orientation. Everything else goes: other application segments, comments, thumbnails,
 * further pictures (MPF) and whatever follows the end of the image.
 */
export function stripJpeg(source: ByteSource, output: Output): void {
  if (readExactly(source, 0, 2).readUInt16BE(0) !== 0xffd8) throw new NotStrippable('no JPEG');
  output.copy(0, 2);
  const state = { hasFrame: false, hasExif: false };
  let at = 2;
  for (;;) {
    const marker = nextMarker(source, at);
    if (marker === undefined || marker.code === END_OF_IMAGE) {
      if (!state.hasFrame) throw new NotStrippable('a JPEG without a frame');
      if (marker !== undefined) output.bytes(Buffer.from([0xff, END_OF_IMAGE]));
      return;
    }
    at = marker.end;
    if (marker.code === START_OF_IMAGE || marker.code === 0x01 || isRestart(marker.code)) continue;
    const head = source.read(at, 2);
    const length = head.length < 2 ? 0 : head.readUInt16BE(0);
    // A damaged end is shown without what is damaged.
    if (length < 2 || at + length > source.size) at = source.size;
    else {
      keepSegment({ code: marker.code, start: at, end: at + length }, { source, output, state });
      at += length;
      if (marker.code !== START_OF_SCAN) continue;
      const end = endOfScan(source, at);
      output.copy(at, end);
      at = end;
    }
  }
}

/** The next marker; bytes before it belong to nothing. */
function nextMarker(source: ByteSource, from: number): { code: number; end: number } | undefined {
  for (let at = from; at < source.size; ) {
    const chunk = source.read(at, CHUNK_BYTES);
    const found = chunk.indexOf(0xff);
    if (found === -1) at += chunk.length;
    else {
      at += found;
      let code = 0xff;
      while (code === 0xff && at < source.size) code = source.read(++at, 1)[0] ?? 0;
      if (code !== 0 && code !== 0xff) return { code, end: at + 1 };
    }
  }
  return undefined;
}

interface Segment {
  readonly code: number;
  /** Of its length field. */
  readonly start: number;
  readonly end: number;
}

interface Context {
  readonly source: ByteSource;
  readonly output: Output;
  readonly state: { hasFrame: boolean; hasExif: boolean };
}

function keepSegment({ code, start, end }: Segment, { source, output, state }: Context): void {
  const keep = () => {
    output.bytes(Buffer.from([0xff, code]));
    output.copy(start, end);
  };
  const content = () => source.read(start + 2, end - start - 2);
  if (isFrame(code)) state.hasFrame = true;
  if (isDecoded(code)) keep();
  else if (code === APP0) {
    const jfif = content();
    // JFXX holds a thumbnail, and so may the end of JFIF.
    if (jfif.length >= 14 && jfif.toString('latin1', 0, 5) === 'JFIF\0')
      output.bytes(segment(APP0, Buffer.concat([jfif.subarray(0, 12), Buffer.alloc(2)])));
  } else if (code === APP1) {
    const exif = content();
    if (state.hasExif || exif.toString('latin1', 0, 6) !== 'Exif\0\0') return;
    state.hasExif = true;
    const orientation = orientationOf(exif.subarray(6));
    if (orientation > 1)
      output.bytes(segment(APP1, Buffer.concat([Buffer.from('Exif\0\0'), exifOf(orientation)])));
  } else if (code === APP2) {
    if (content().toString('latin1', 0, 12) === 'ICC_PROFILE\0') keep();
  } else if (code === APP14) {
    const adobe = content();
    if (adobe.length >= 12 && adobe.toString('latin1', 0, 5) === 'Adobe')
      output.bytes(segment(APP14, adobe.subarray(0, 12)));
  }
}

function segment(code: number, content: Buffer): Buffer {
  const head = Buffer.from([0xff, code, 0, 0]);
  head.writeUInt16BE(content.length + 2, 2);
  return Buffer.concat([head, content]);
}

const CHUNK_BYTES = 64 * 1024;

/** Where the entropy-coded data ends: at the first marker that is no restart. */
function endOfScan(source: ByteSource, from: number): number {
  for (let at = from; at < source.size; ) {
    const chunk = source.read(at, CHUNK_BYTES);
    let index = chunk.indexOf(0xff);
    for (; index !== -1 && index + 1 < chunk.length; index = chunk.indexOf(0xff, index + 2)) {
      const code = chunk[index + 1] ?? 0;
      if (code === 0xff) index--;
      else if (code !== 0 && !isRestart(code)) return at + index;
    }
    // The last byte of a chunk is looked at again with the one after it.
    at += index === -1 ? chunk.length : Math.max(index, 1);
    if (index !== -1 && at >= source.size - 1) return source.size;
  }
  return source.size;
}
