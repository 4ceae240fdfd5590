import { NotStrippable } from './bytes';
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

/** Coded pictures, and how pictures are put together of others. Exif, XMP and everything else is no picture. */
const PICTURES = new Set(['av01', 'hvc1', 'lhv1', 'avc1', 'vvc1', 'grid', 'iovl', 'iden', 'tmap']);

/** How a picture is decoded, turned and coloured. */
const PROPERTIES: Rules = Object.fromEntries(
  'ispe pixi av1C hvcC lhvC avcC vvcC colr pasp clap irot imir auxC a1op a1lx lsel clli mdcv ccst cclv rloc'
    .split(' ')
    .map((type) => [type, 'whole' as const]),
);
/**
 * Blanks what the `meta` box of a picture (ISO/IEC 23008-12) holds besides pictures, thumbnails included.
 *
 * @returns where the kept items are in the file
 */
export function blankItems(buffer: Buffer, meta: Box): Range[] {
  const boxes = childrenOf(buffer, meta);
  const handler = findBox(boxes, 'hdlr');
  if (handler === undefined || handlerOf(buffer, handler) !== 'pict') {
    blank(buffer, meta);
    return [];
  }
  const [list, locations, references] = ['iinf', 'iloc', 'iref'].map((type) => findBox(boxes, type));
  if (list === undefined || locations === undefined) throw new NotStrippable('a picture without items');
  const infos = readInfos(buffer, list);
  const items = new Set(infos.map(({ id }) => id));
  const thumbnails = references === undefined ? new Set<number>() : readReferences(buffer, references, items);
  const kept = blankInfos(buffer, infos, thumbnails);
  const places = placesOf(buffer, locations).filter(({ id }) => kept.has(id));
  applyRules(
    buffer,
    { from: meta.content + 4, to: meta.end },
    {
      hdlr: blankHandlerName,
      pitm: 'whole',
      iinf: 'whole',
      iloc: 'whole',
      iref: 'whole',
      iprp: { ipco: PROPERTIES, ipma: 'whole' },
      idat: (_, data) =>
        blankGaps(
          buffer,
          data,
          places
            .filter(({ method }) => method === 1)
            .map(({ from, to }) => ({ from: from + data.content, to: to + data.content })),
        ),
    },
  );
  return places.filter(({ method }) => method === 0);
}

/** Of other makers' `meta` boxes the content may be anything. */
function childrenOf(buffer: Buffer, meta: Box): readonly Box[] {
  try {
    return boxesIn(buffer, meta.content + 4, meta.end);
  } catch (failure) {
    if (failure instanceof NotStrippable) return [];
    throw failure;
  }
}

/**
 * References hold the ids of items and nothing else.
 *
 * @returns the ids of thumbnails
 */
function readReferences(buffer: Buffer, box: Box, items: ReadonlySet<number>): Set<number> {
  const fields = fieldsOf(buffer, box);
  const wide = versionOf(fields).version === 1;
  const thumbnails = new Set<number>();
  for (const reference of boxesIn(buffer, fields.at, box.end)) {
    const numbers = fieldsOf(buffer, reference);
    const readId = () => {
      const id = wide ? numbers.u32() : numbers.u16();
      if (!items.has(id)) throw new NotStrippable('a reference to no item');
      return id;
    };
    const from = readId();
    if (reference.type === 'thmb') thumbnails.add(from);
    for (let left = numbers.u16(); left > 0; left--) readId();
    if (numbers.at !== reference.end) throw new NotStrippable('a reference that is too long');
  }
  return thumbnails;
}

interface Info {
  readonly id: number;
  /** Where its kind is, of four characters; its name follows. */
  readonly at: number;
  readonly end: number;
}

function readInfos(buffer: Buffer, box: Box): Info[] {
  const fields = fieldsOf(buffer, box);
  fields.skip(versionOf(fields).version === 0 ? 2 : 4);
  return boxesIn(buffer, fields.at, box.end).map((info) => {
    const item = fieldsOf(buffer, info);
    const { version } = versionOf(item);
    if (info.type !== 'infe' || version < 2) throw new NotStrippable('items without kinds');
    const id = version === 2 ? item.u16() : item.u32();
    item.skip(2);
    const { at } = item;
    item.skip(4);
    return { id, at, end: info.end };
  });
}

/** Names and media types of all items go, and the kinds of those that go. @returns the ids of the others */
function blankInfos(buffer: Buffer, infos: readonly Info[], thumbnails: ReadonlySet<number>): Set<number> {
  const kept = new Set<number>();
  for (const { id, at, end } of infos) {
    if (PICTURES.has(buffer.toString('latin1', at, at + 4)) && !thumbnails.has(id)) kept.add(id);
    else buffer.write('free', at, 'latin1');
    buffer.fill(0, at + 4, end);
  }
  return kept;
}

/** An extent of an item, in the file (method 0) or in the `idat` box (method 1). */
interface Place extends Range {
  readonly id: number;
  readonly method: number;
}

const MAX_PLACES = 1_000_000;

function placesOf(buffer: Buffer, box: Box): Place[] {
  const fields = fieldsOf(buffer, box);
  const { version } = versionOf(fields);
  const sizes = fields.u16();
  const [offsetBytes, lengthBytes] = [(sizes >> 12) & 15, (sizes >> 8) & 15];
  const [baseBytes, indexBytes] = [(sizes >> 4) & 15, version === 0 ? 0 : sizes & 15];
  if (![offsetBytes, lengthBytes, baseBytes, indexBytes].every((bytes) => [0, 4, 8].includes(bytes)))
    throw new NotStrippable('places of unknown sizes');
  const items = version < 2 ? fields.u16() : fields.u32();
  const places: Place[] = [];
  for (let item = 0; item < items; item++) {
    const id = version < 2 ? fields.u16() : fields.u32();
    const method = version === 0 ? 0 : fields.u16() & 15;
    fields.skip(2);
    const base = fields.sized(baseBytes);
    const extents = fields.u16();
    for (let extent = 0; extent < extents; extent++) {
      fields.sized(indexBytes);
      const from = base + fields.sized(offsetBytes);
      const length = fields.sized(lengthBytes);
      // All of the file: no writer means that.
      if (length === 0) throw new NotStrippable('an item without a length');
      places.push({ id, method, from, to: from + length });
      if (places.length > MAX_PLACES) throw new NotStrippable('too many places');
    }
  }
  return places;
}

/** Fills with zeros what of a box is in none of the ranges. */
function blankGaps(buffer: Buffer, { content, end }: Box, ranges: readonly Range[]): void {
  let at = content;
  for (const { from, to } of ranges.toSorted((one, other) => one.from - other.from)) {
    if (from > at) buffer.fill(0, at, Math.min(from, end));
    at = Math.max(at, to);
  }
  if (at < end) buffer.fill(0, at, end);
}
