import { NotStrippable } from './bytes';

/** A box of the ISO base media file format (ISO/IEC 14496-12) within a buffer. */
export interface Box {
  readonly type: string;
  readonly start: number;
  /** Of its content. */
  readonly content: number;
  readonly end: number;
}

/** Which boxes within a box are kept: all of the box, what is listed, or what a function leaves of it. */
export type Rule = 'whole' | ((buffer: Buffer, box: Box) => void) | Rules;
export interface Rules {
  readonly [type: string]: Rule;
}

/** A range of bytes of the file, the end not included. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

const MAX_BOXES = 100_000;

/** The boxes from `from` to `to`. @throws NotStrippable where they do not fill it, but for up to seven bytes at the end */
export function boxesIn(buffer: Buffer, from: number, to: number): Box[] {
  const boxes: Box[] = [];
  let at = from;
  while (at + 8 <= to) {
    const box = boxAt(buffer, at, to);
    boxes.push(box);
    if (boxes.length > MAX_BOXES) throw new NotStrippable('too many boxes');
    at = box.end;
  }
  buffer.fill(0, at, to);
  return boxes;
}

function boxAt(buffer: Buffer, at: number, to: number): Box {
  const size = buffer.readUInt32BE(at);
  const isLong = size === 1 && at + 16 <= to;
  const length = isLong ? Number(buffer.readBigUInt64BE(at + 8)) : size === 0 ? to - at : size;
  const head = isLong ? 16 : 8;
  if (length < head || at + length > to) throw new NotStrippable('a box that does not fit');
  return { type: buffer.toString('latin1', at + 4, at + 8), start: at, content: at + head, end: at + length };
}

export const findBox = (boxes: readonly Box[], type: string): Box | undefined =>
  boxes.find((box) => box.type === type);

/** Makes a box free space of the same size, so that nothing after it moves. */
export function blank(buffer: Buffer, box: Box): void {
  buffer.write('free', box.start + 4, 'latin1');
  buffer.fill(0, box.content, box.end);
}

/** Blanks the boxes from `from` to `to` that the rules do not name. */
export function applyRules(buffer: Buffer, range: Range, rules: Rules): void {
  for (const box of boxesIn(buffer, range.from, range.to)) {
    const rule = Object.hasOwn(rules, box.type) ? rules[box.type] : undefined;
    if (rule === undefined) blank(buffer, box);
    else if (typeof rule === 'function') rule(buffer, box);
    else if (rule !== 'whole') applyRules(buffer, { from: box.content, to: box.end }, rule);
  }
}

/** For a handler: what it handles stays, its name goes. */
export function blankHandlerName(buffer: Buffer, { content, end }: Box): void {
  buffer.fill(0, Math.min(content + 12, end), end);
}

/** What a handler handles, like `vide`. */
export const handlerOf = (buffer: Buffer, { content, end }: Box): string =>
  content + 12 <= end ? buffer.toString('latin1', content + 8, content + 12) : '';

/** Reads numbers of a box one after another. @throws NotStrippable beyond its end */
export function fieldsOf(buffer: Buffer, { content, end }: Pick<Box, 'content' | 'end'>) {
  let at = content;
  const take = (bytes: number): number => {
    at += bytes;
    if (at > end) throw new NotStrippable('a box that is too short');
    return at - bytes;
  };
  return {
    get at() {
      return at;
    },
    skip: (bytes: number) => void take(bytes),
    u8: () => buffer.readUInt8(take(1)),
    u16: () => buffer.readUInt16BE(take(2)),
    u32: () => buffer.readUInt32BE(take(4)),
    i32: () => buffer.readInt32BE(take(4)),
    u64: () => Number(buffer.readBigUInt64BE(take(8))),
    /** A number of 0, 2, 4 or 8 bytes. */
    sized(bytes: number): number {
      if (bytes === 8) return this.u64();
      return bytes === 0 ? 0 : bytes === 4 ? this.u32() : buffer.readUIntBE(take(bytes), bytes);
    },
  };
}

/** Version and flags of a full box. */
export function versionOf(fields: ReturnType<typeof fieldsOf>): { version: number; flags: number } {
  const word = fields.u32();
  return { version: word >>> 24, flags: word & 0xffffff };
}
