import { box, MARK, type Planted } from './planted-pictures';

const marked = (place: string) => Buffer.from(`${MARK} in ${place}`);
const text = (value: string) => Buffer.from(value, 'latin1');
const u32 = (...values: number[]) => {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, index * 4);
  return bytes;
};

/** What is seen and heard in all of them. */
export const SOUND = Buffer.from('the sound of the sea, as it was recorded');

/** Recordings with marks in every place where metadata is found. */
export function plantedRecordings(): Planted[] {
  const files: [string, string, Buffer][] = [
    ['a.mp4', 'video/mp4', movie('isom')],
    ['a.mov', 'video/quicktime', movie('qt  ')],
    ['fragments.mp4', 'video/mp4', fragments()],
    ['a.webm', 'video/webm', webm()],
    ['a.mp3', 'audio/mpeg', mp3()],
    ['vorbis.ogg', 'audio/ogg', ogg(text('\x01vorbis'), Buffer.alloc(23), 1)],
    ['opus.ogg', 'audio/ogg', ogg(text('OpusHead'), Buffer.alloc(11), 0)],
  ];
  return files.map(([name, type, bytes]) => ({ name, type, bytes: Buffer.from(bytes) }));
}

const handler = (type: string) =>
  box('hdlr', u32(0, 0), text(type), u32(0, 0, 0), marked('a name'), Buffer.alloc(1));

function track(
  id: number,
  kind: string,
  entry: string,
  table: { offset: number; size: number } | undefined,
): Buffer {
  const visual = Buffer.concat([Buffer.alloc(50), marked('a name').subarray(0, 20), Buffer.alloc(8)]);
  const description = kind === 'vide' ? visual : Buffer.alloc(28);
  const child = box('uuid', marked('a sample entry'));
  const found = table !== undefined;
  const tables = [
    box('stsd', u32(0, 1), box(entry, description, child)),
    box('stts', u32(0, found ? 1 : 0), found ? u32(1, 1) : Buffer.alloc(0)),
    box('stsc', u32(0, found ? 1 : 0), found ? u32(1, 1, 1) : Buffer.alloc(0)),
    box('stsz', u32(0, 0, found ? 1 : 0), found ? u32(table.size) : Buffer.alloc(0)),
    box('stco', u32(0, found ? 1 : 0), found ? u32(table.offset) : Buffer.alloc(0)),
  ];
  const place = box('dref', u32(0, 1), box('url ', u32(1), marked('a path')));
  return box(
    'trak',
    box('tkhd', u32(7, 0, 0, id), Buffer.alloc(68)),
    box('udta', box('\xa9xyz', marked('a position'))),
    box('meta', u32(0), marked('the meta box of a track')),
    box(
      'mdia',
      box('mdhd', u32(0, 0, 0, 1000, 1000), Buffer.alloc(4)),
      handler(kind),
      box(
        'minf',
        box(kind === 'vide' ? 'vmhd' : 'smhd', Buffer.alloc(8)),
        box('dinf', place),
        box('stbl', ...tables),
      ),
    ),
  );
}

const movieBox = (tracks: readonly Buffer[], extending: readonly Buffer[] = []) =>
  box(
    'moov',
    box('mvhd', u32(0, 1, 2, 1000, 1000), Buffer.alloc(80)),
    ...tracks,
    ...extending,
    box('udta', box('\xa9xyz', marked('a position')), box('meta', u32(0), box('ilst', marked('tags')))),
    box('meta', u32(0), handler('mdta'), box('keys', marked('keys')), box('ilst', marked('values'))),
  );

/** A track that is seen and one of positions, whose samples lie between unreferenced bytes. */
function movie(brand: string): Buffer {
  const head = box('ftyp', text(brand), u32(0), text(brand));
  const readings = marked('readings of a sensor');
  const data = [marked('unreferenced data'), SOUND, readings];
  const tracksAt = (start: number) => [
    track(1, 'vide', 'avc1', { offset: start + (data[0]?.length ?? 0), size: SOUND.length }),
    track(2, 'meta', 'gpmd', {
      offset: start + (data[0]?.length ?? 0) + SOUND.length,
      size: readings.length,
    }),
  ];
  const start = head.length + movieBox(tracksAt(0)).length + 8;
  return Buffer.concat([
    head,
    movieBox(tracksAt(start)),
    box('mdat', ...data),
    box('uuid', Buffer.alloc(16), marked('uuid')),
    box('meta', u32(0), handler('mdta'), marked('the meta box of the file')),
    box('free', marked('free space')),
  ]);
}

function fragments(): Buffer {
  const extends1 = box('mvex', box('trex', u32(0, 1, 1, 0, 0, 0)));
  const init = [
    box('ftyp', text('iso5'), u32(0), text('iso5')),
    movieBox([track(1, 'soun', 'mp4a', undefined)], [extends1]),
  ];
  const fragment = (offset: number) =>
    box(
      'moof',
      box('mfhd', u32(0, 1)),
      box(
        'traf',
        box('tfhd', u32(0x020000, 1)),
        box('trun', u32(0x000201, 1, offset, SOUND.length)),
        box('uuid', marked('a fragment')),
      ),
      box('udta', marked('a fragment')),
    );
  const unused = marked('unreferenced data');
  const offset = fragment(0).length + 8 + unused.length;
  return Buffer.concat([
    ...init,
    fragment(offset),
    box('mdat', unused, SOUND),
    box('emsg', marked('an event')),
  ]);
}

function element(id: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  const name = Buffer.from(
    id.toString(16).padStart(id > 0xffffff ? 8 : id > 0xffff ? 6 : id > 0xff ? 4 : 2, '0'),
    'hex',
  );
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE(BigInt(body.length));
  size[0] = 1;
  return Buffer.concat([name, size, body]);
}

function webm(): Buffer {
  const comments = Buffer.concat([text('\x03vorbis'), commentHeader(), Buffer.from([1])]);
  const setup = Buffer.concat([
    Buffer.from([2, 30, comments.length]),
    Buffer.alloc(30),
    comments,
    Buffer.alloc(9),
  ]);
  const tracks = element(
    0x1654ae6b,
    element(
      0xae,
      element(0xd7, Buffer.from([1])),
      element(0x83, Buffer.from([2])),
      element(0x86, text('A_VORBIS')),
      element(0x63a2, setup),
      element(0x536e, marked('the name of a track')),
    ),
    element(
      0xae,
      element(0xd7, Buffer.from([2])),
      element(0x83, Buffer.from([0x11])),
      element(0x86, text(MARK)),
    ),
  );
  const block = (number: number, content: Buffer) =>
    Buffer.concat([Buffer.from([0x80 | number, 0, 0, 0]), content]);
  const cluster = element(
    0x1f43b675,
    element(0xe7, Buffer.from([0])),
    element(0xa3, block(1, SOUND)),
    element(0xa3, block(2, marked('subtitles'))),
    element(0xa0, element(0xa1, block(1, SOUND)), element(0xa2, marked('a group'))),
    element(0xa0, element(0xa1, block(2, marked('a group of subtitles')))),
    element(0x5854, marked('a silent track')),
  );
  const about = element(
    0x1549a966,
    element(0x2ad7b1, Buffer.from([15, 66, 64])),
    element(0x4d80, marked('the muxer')),
    element(0x5741, marked('the writer')),
    element(0x7ba9, marked('the title')),
  );
  const tags = element(0x1254c367, element(0x7373, element(0x67c8, marked('a tag'))));
  const attached = element(0x1941a469, element(0x61a7, marked('an attachment')));
  const segment = element(
    0x18538067,
    about,
    tracks,
    tags,
    attached,
    cluster,
    element(0xec, marked('void space')),
  );
  const header = element(0x1a45dfa3, element(0x4282, text('webm')));
  return Buffer.concat([header, segment]);
}

/** MPEG 1, layer 3, 128 kbit/s, 44.1 kHz. */
const frame = () =>
  Buffer.concat([Buffer.from([0xff, 0xfb, 0x90, 0x00]), SOUND, Buffer.alloc(413 - SOUND.length)]);

function mp3(): Buffer {
  const tag = Buffer.concat([text('TIT2'), u32(30), marked('a title'), marked('a cover')]);
  const id3 = Buffer.concat([text('ID3\x04\0\0'), Buffer.from([0, 0, 0, tag.length]), tag]);
  const old = Buffer.concat([text('TAG'), marked('the old tag'), Buffer.alloc(128)]).subarray(0, 128);
  const ape = Buffer.concat([text('APETAGEX'), marked('an APE tag')]);
  return Buffer.concat([id3, frame(), frame(), marked('between frames'), frame(), frame(), ape, old]);
}

function commentHeader(): Buffer {
  const little = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return bytes;
  };
  const [vendor, comment] = [marked('the vendor'), marked('a comment')];
  return Buffer.concat([little(vendor.length), vendor, little(1), little(comment.length), comment]);
}

/** Vorbis and Opus, whose second header is long enough for two pages. */
function ogg(start: Buffer, rest: Buffer, framed: number): Buffer {
  const prefix = framed === 1 ? text('\x03vorbis') : text('OpusTags');
  const cover = Buffer.concat([marked('a cover'), Buffer.alloc(300)]);
  const comments = Buffer.concat([prefix, commentHeader(), cover, Buffer.alloc(255)]);
  return Buffer.concat([
    page({ serial: 1, flags: 2, number: 0 }, [Buffer.concat([start, rest])], true),
    page({ serial: 9, flags: 2, number: 0 }, [marked('another stream')], true),
    page({ serial: 1, flags: 0, number: 1 }, [comments.subarray(0, 255)], false),
    marked('between pages'),
    page({ serial: 1, flags: 1, number: 2 }, [comments.subarray(255)], true),
    page({ serial: 9, flags: 0, number: 1 }, [marked('another stream')], true),
    page({ serial: 1, flags: 4, number: 3 }, [SOUND], true),
    marked('the end'),
  ]);
}

function page(
  { serial, flags, number }: { serial: number; flags: number; number: number },
  packets: readonly Buffer[],
  complete: boolean,
): Buffer {
  const lacing = packets.flatMap((packet) => [
    ...Array.from({ length: Math.floor(packet.length / 255) }, () => 255),
    ...(complete ? [packet.length % 255] : []),
  ]);
  const head = Buffer.alloc(27);
  head.write('OggS', 0, 'latin1');
  head[5] = flags;
  head.writeUInt32LE(serial, 14);
  head.writeUInt32LE(number, 18);
  head[26] = lacing.length;
  return Buffer.concat([head, Buffer.from(lacing), ...packets]);
}
