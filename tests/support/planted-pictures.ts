import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';

/** What is planted wherever a format has room for more than is shown or heard. */
export const MARK = 'planted-mark';
const marked = (place: string) => Buffer.from(`${MARK} in ${place}`);

/** A file with marks in every place where metadata is found. */
export interface Planted {
  readonly name: string;
  readonly type: string;
  readonly bytes: Buffer<ArrayBuffer>;
}

const WIDTH = 24;
const HEIGHT = 16;

/** A picture with an orientation, Exif data, a GPS position, a profile, and XMP where sharp can write it. */
function base() {
  const raw = Buffer.from(Array.from({ length: WIDTH * HEIGHT * 3 }, (_, index) => (index * 37) % 256));
  const exif = { IFD0: { ImageDescription: MARK, Artist: MARK }, IFD3: { GPSAreaInformation: MARK } };
  return sharp(raw, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })
    .withMetadata({ orientation: 6 })
    .withExifMerge(exif)
    .withXmp(`<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf>${MARK}</rdf></x:xmpmeta>`);
}

/** One of each format of pictures. */
export async function plantedPictures(): Promise<Planted[]> {
  const planted = [
    { name: 'a.jpg', type: 'image/jpeg', bytes: plantInJpeg(await base().jpeg().toBuffer()) },
    { name: 'a.png', type: 'image/png', bytes: plantInPng(await base().png().toBuffer()) },
    {
      name: 'a.webp',
      type: 'image/webp',
      bytes: plantInWebp(await base().webp({ lossless: true }).toBuffer()),
    },
    { name: 'a.gif', type: 'image/gif', bytes: plantInGif(await animation()) },
    { name: 'a.avif', type: 'image/avif', bytes: plantInBoxes(await base().avif({ effort: 0 }).toBuffer()) },
  ];
  return planted.map((file) => ({ ...file, bytes: Buffer.from(file.bytes) }));
}

const animation = () =>
  sharp(Buffer.from(Array.from({ length: WIDTH * HEIGHT * 3 * 2 }, (_, index) => index % 251)), {
    raw: { width: WIDTH, height: HEIGHT * 2, channels: 3, pageHeight: HEIGHT },
  })
    .gif({ loop: 3, delay: [100, 200] })
    .toBuffer();

function jpegSegment(code: number, content: Buffer): Buffer {
  const head = Buffer.from([0xff, code, 0, 0]);
  head.writeUInt16BE(content.length + 2, 2);
  return Buffer.concat([head, content]);
}

function plantInJpeg(picture: Buffer): Buffer {
  const thumbnail = Buffer.concat([
    Buffer.from('JFIF\0\x01\x02\0\0\x01\0\x01\x01\x01', 'latin1'),
    Buffer.from('abc'),
  ]);
  const segments = [
    jpegSegment(0xe0, Buffer.concat([thumbnail, marked('JFIF')])),
    jpegSegment(0xe0, Buffer.concat([Buffer.from('JFXX\0\x10', 'latin1'), marked('JFXX')])),
    ...Array.from({ length: 14 }, (_, index) => jpegSegment(0xe2 + index, marked(`APP${index + 2}`))),
    jpegSegment(0xe2, Buffer.concat([Buffer.from('MPF\0'), marked('MPF')])),
    jpegSegment(0xed, Buffer.concat([Buffer.from('Photoshop 3.0\x008BIM'), marked('IPTC')])),
    jpegSegment(0xfe, marked('a comment')),
  ];
  const between = marked('between segments').map((byte) => byte & 0x7f);
  // A motion photo: another file after the end.
  const after = Buffer.concat([
    Buffer.from([0xff, 0xd8]),
    jpegSegment(0xe1, marked('a second picture')),
    marked('the end'),
  ]);
  return Buffer.concat([picture.subarray(0, 2), ...segments, between, picture.subarray(2), after]);
}

function pngChunk(name: string, content: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(name), content]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(content.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

function plantInPng(picture: Buffer): Buffer {
  const afterHeader = 8 + 25;
  const text = Buffer.concat([Buffer.from('Comment\0'), marked('tEXt')]);
  const chunks = [
    pngChunk('tEXt', text),
    pngChunk('zTXt', Buffer.concat([Buffer.from('Comment\0\0'), deflateSync(marked('zTXt'), { level: 0 })])),
    pngChunk('iTXt', Buffer.concat([Buffer.from('XML:com.adobe.xmp\0\0\0\0\0'), marked('iTXt')])),
    pngChunk('tIME', Buffer.from([7, 233, 1, 1, 1, 1, 1])),
    pngChunk('prVt', marked('a private chunk')),
    pngChunk('pHYs', marked('a chunk that is too long')),
  ];
  const end = marked('the end');
  return Buffer.concat([picture.subarray(0, afterHeader), ...chunks, picture.subarray(afterHeader), end]);
}

function plantInWebp(picture: Buffer): Buffer {
  const content = marked('a chunk!');
  const head = Buffer.alloc(8);
  head.write('MARK', 0, 'latin1');
  head.writeUInt32LE(content.length, 4);
  const riff = Buffer.concat([picture, head, content, Buffer.alloc(content.length % 2)]);
  riff.writeUInt32LE(riff.length - 8, 4);
  return Buffer.concat([riff, marked('the end')]);
}

function gifBlock(label: number, ...blocks: Buffer[]): Buffer {
  const parts = blocks.flatMap((block) => [Buffer.from([block.length]), block]);
  return Buffer.concat([Buffer.from([0x21, label]), ...parts, Buffer.from([0])]);
}

function plantInGif(picture: Buffer): Buffer {
  const colors = 13 + ((picture[10] ?? 0) & 0x80 ? 3 * 2 ** (((picture[10] ?? 0) & 7) + 1) : 0);
  const blocks = [
    gifBlock(0xfe, marked('a comment')),
    gifBlock(0xff, Buffer.from('XMP DataXMP'), marked('XMP')),
    gifBlock(0x01, Buffer.alloc(12), marked('plain text')),
    gifBlock(0x77, marked('an unknown extension')),
  ];
  return Buffer.concat([picture.subarray(0, colors), ...blocks, picture.subarray(colors), marked('the end')]);
}

export function box(type: string, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(body.length + 8);
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, body]);
}

function plantInBoxes(picture: Buffer): Buffer {
  return Buffer.concat([
    picture,
    box('uuid', Buffer.alloc(16), marked('uuid')),
    box('mpvd', marked('a motion photo')),
    box('free', marked('free space')),
    box('mdat', marked('unreferenced data')),
  ]);
}
