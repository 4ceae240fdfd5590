import {
  applyRules,
  type Box,
  blank,
  blankHandlerName,
  boxesIn,
  fieldsOf,
  findBox,
  handlerOf,
  type Range,
  type Rules,
  versionOf,
} from './iso-boxes';
import { fragmentRanges, sampleRanges } from './iso-samples';

/** Tracks that are seen or heard. Others hold positions, readings of sensors, chapters, commands. */
const SHOWN = new Set(['vide', 'soun', 'auxv', 'pict']);

/** What a decoder needs of a sample entry. */
const SAMPLE_ENTRY: Rules = Object.fromEntries(
  (
    'avcC hvcC lhvC vvcC av1C vpcC esds dac3 dec3 dac4 dOps alac wave chan chnl jpgC ' +
    'colr pasp clap btrt fiel gama mdcv clli SmDm CoLL dvcC dvvC auxi ccst pixi'
  )
    .split(' ')
    .map((type) => [type, 'whole' as const]),
);

const TABLES: Rules = {
  stsd: blankDescriptions,
  ...Object.fromEntries(
    'stts ctts cslg stss stsh stsz stsc stco co64 sdtp sbgp sgpd subs saiz saio'
      .split(' ')
      .map((type) => [type, 'whole' as const]),
  ),
};

const TRACK: Rules = {
  tkhd: blankTimes,
  edts: { elst: 'whole' },
  tref: { auxl: 'whole' },
  tapt: { clef: 'whole', prof: 'whole', enof: 'whole' },
  mdia: {
    mdhd: blankTimes,
    hdlr: blankHandlerName,
    minf: {
      vmhd: 'whole',
      smhd: 'whole',
      nmhd: 'whole',
      hdlr: blankHandlerName,
      dinf: { dref: blankReferences },
      stbl: TABLES,
    },
  },
};

const MOVIE: Rules = {
  mvhd: blankTimes,
  trak: TRACK,
  mvex: { mehd: 'whole', trex: 'whole' },
  free: blank,
};

const FRAGMENT: Rules = Object.fromEntries(
  'tfhd tfdt trun sbgp sgpd subs saiz saio sdtp senc'.split(' ').map((type) => [type, 'whole' as const]),
);

/** The tracks of a movie that are kept, and the sizes of their samples in fragments where nothing else is said. */
export type KeptTracks = ReadonlyMap<number, { readonly defaultSize: number }>;

/** Blanks what a `moov` box holds besides sight and sound. @returns where the samples of those are */
export function blankMovie(buffer: Buffer, movie: Box): { ranges: Range[]; tracks: KeptTracks } {
  const boxes = boxesIn(buffer, movie.content, movie.end);
  const extending = findBox(boxes, 'mvex');
  const defaults = extending === undefined ? new Map<number, number>() : defaultSizes(buffer, extending);
  const ranges: Range[] = [];
  const tracks = new Map<number, { defaultSize: number }>();
  for (const track of boxes.filter(({ type }) => type === 'trak')) {
    const { id, handler, table } = trackOf(buffer, track);
    if (id === undefined || table === undefined || !SHOWN.has(handler)) blank(buffer, track);
    else {
      tracks.set(id, { defaultSize: defaults.get(id) ?? 0 });
      for (const range of sampleRanges(buffer, table)) ranges.push(range);
    }
  }
  applyRules(buffer, { from: movie.content, to: movie.end }, MOVIE);
  return { ranges, tracks };
}

/** The same for a `moof` box. @param start where it is in the file */
export function blankFragment(
  buffer: Buffer,
  box: Box,
  { start, tracks }: { start: number; tracks: KeptTracks },
): Range[] {
  const ranges: Range[] = [];
  for (const part of boxesIn(buffer, box.content, box.end)) {
    const track = part.type === 'traf' ? tracks.get(fragmentTrack(buffer, part)) : undefined;
    if (part.type === 'mfhd') continue;
    if (track === undefined) blank(buffer, part);
    else {
      const continuesAt = ranges.at(-1)?.to ?? start;
      ranges.push(
        ...fragmentRanges({ buffer, traf: part, start, continuesAt, defaultSize: track.defaultSize }),
      );
      applyRules(buffer, { from: part.content, to: part.end }, FRAGMENT);
    }
  }
  return ranges;
}

function fragmentTrack(buffer: Buffer, traf: Box): number {
  const head = findBox(boxesIn(buffer, traf.content, traf.end), 'tfhd');
  if (head === undefined) return -1;
  const fields = fieldsOf(buffer, head);
  fields.skip(4);
  return fields.u32();
}

function trackOf(buffer: Buffer, track: Box) {
  const boxes = boxesIn(buffer, track.content, track.end);
  const [head, mediaBox] = [findBox(boxes, 'tkhd'), findBox(boxes, 'mdia')];
  const inMedia = mediaBox === undefined ? [] : boxesIn(buffer, mediaBox.content, mediaBox.end);
  const [handler, information] = [findBox(inMedia, 'hdlr'), findBox(inMedia, 'minf')];
  const tables = information && findBox(boxesIn(buffer, information.content, information.end), 'stbl');
  return {
    id: head === undefined ? undefined : trackId(buffer, head),
    handler: handler === undefined ? '' : handlerOf(buffer, handler),
    table: tables,
  };
}

function trackId(buffer: Buffer, head: Box): number {
  const fields = fieldsOf(buffer, head);
  fields.skip(versionOf(fields).version === 1 ? 16 : 8);
  return fields.u32();
}

/** Of the samples of each track, by its `trex` box. */
function defaultSizes(buffer: Buffer, extending: Box): Map<number, number> {
  const sizes = new Map<number, number>();
  for (const box of boxesIn(buffer, extending.content, extending.end)) {
    if (box.type !== 'trex') continue;
    const fields = fieldsOf(buffer, box);
    fields.skip(4);
    const id = fields.u32();
    fields.skip(8);
    sizes.set(id, fields.u32());
  }
  return sizes;
}

/** When it was made and changed. */
function blankTimes(buffer: Buffer, box: Box): void {
  const fields = fieldsOf(buffer, box);
  const { version } = versionOf(fields);
  const from = fields.at;
  fields.skip(version === 1 ? 16 : 8);
  buffer.fill(0, from, fields.at);
}

/** Where samples of other files are: nothing is read from those, and their paths go. */
function blankReferences(buffer: Buffer, box: Box): void {
  const fields = fieldsOf(buffer, box);
  fields.skip(8);
  for (const reference of boxesIn(buffer, fields.at, box.end))
    buffer.fill(0, Math.min(reference.content + 4, reference.end), reference.end);
}

const VISUAL_HEAD_BYTES = 78;
const SOUND_HEAD_BYTES: Readonly<Record<number, number>> = { 0: 28, 1: 44, 2: 64 };

/** The compressor's name goes, and boxes that no decoder needs. */
function blankDescriptions(buffer: Buffer, box: Box): void {
  const fields = fieldsOf(buffer, box);
  fields.skip(8);
  for (const entry of boxesIn(buffer, fields.at, box.end)) {
    const isSound = SOUND.has(entry.type) || entry.end - entry.content < VISUAL_HEAD_BYTES;
    if (!isSound) buffer.fill(0, entry.content + 42, entry.content + 74);
    const version = entry.content + 10 <= entry.end ? buffer.readUInt16BE(entry.content + 8) : 0;
    const head = isSound ? (SOUND_HEAD_BYTES[version] ?? 28) : VISUAL_HEAD_BYTES;
    const from = Math.min(entry.content + head, entry.end);
    applyRules(buffer, { from, to: entry.end }, SAMPLE_ENTRY);
  }
}

/** The sample entries of sound; names have four characters. */
const SOUND = new Set([
  ...['mp4a', 'ac-3', 'ec-3', 'ac-4', 'Opus', 'fLaC', 'alac', 'samr', 'sawb', 'sowt', 'twos', 'raw '],
  ...['lpcm', 'in24', 'in32', 'fl32', 'fl64', 'ulaw', 'alaw', 'ima4', '.mp3', 'mhm1', 'mha1'],
]);
