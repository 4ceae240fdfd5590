import { type ByteSource, NotStrippable, type Output, readExactly } from './bytes';

/** GIF89a: what a block begins with. */
const EXTENSION = 0x21;
const IMAGE = 0x2c;
const TRAILER = 0x3b;
const GRAPHIC_CONTROL = 0xf9;
const APPLICATION = 0xff;

/** Applications whose block says how often an animation is repeated. */
const LOOPS = new Set(['NETSCAPE2.0', 'ANIMEXTS1.0']);

/**
 * Keeps the images of a GIF with their timing and how often they are repeated. Comments, plain text, what other applications
 * have left (XMP) and what follows the end go.
 */
export function stripGif(source: ByteSource, output: Output): void {
  const screen = readExactly(source, 0, 13);
  if (!/^GIF8[79]a$/.test(screen.toString('latin1', 0, 6))) throw new NotStrippable('no GIF');
  let at = 13 + tableBytes(screen[10] ?? 0);
  output.copy(0, at);
  /** The control of the image that follows. */
  let control: { from: number; to: number } | undefined;
  while (at < source.size) {
    const kind = source.read(at, 1)[0];
    if (kind === TRAILER) {
      output.copy(at, at + 1);
      return;
    }
    if (kind === EXTENSION) {
      const label = source.read(at + 1, 1)[0];
      const end = endOfBlocks(source, at + 2);
      if (label === GRAPHIC_CONTROL && end === at + 8) control = { from: at, to: end };
      else if (label === APPLICATION) keepLoop(source, at, output);
      at = end;
    } else if (kind === IMAGE) {
      const descriptor = readExactly(source, at, 10);
      // One byte says how many bits a code has at first.
      const end = endOfBlocks(source, at + 10 + tableBytes(descriptor[9] ?? 0) + 1);
      if (control !== undefined) output.copy(control.from, control.to);
      control = undefined;
      output.copy(at, Math.min(end, source.size));
      at = end;
    } else return;
  }
}

/** Of a colour table, as the packed byte before it says. */
const tableBytes = (packed: number): number => ((packed & 0x80) === 0 ? 0 : 3 * 2 ** ((packed & 7) + 1));

/** Data comes in blocks of up to 255 bytes, each after its length, until one of length 0. */
function endOfBlocks(source: ByteSource, from: number): number {
  for (let at = from; at < source.size; ) {
    const length = source.read(at, 1)[0] ?? 0;
    at += 1 + length;
    if (length === 0) return at;
  }
  return source.size;
}

/** `0x21 0xff 11 <application> 3 1 <count, 2 bytes> 0` */
function keepLoop(source: ByteSource, at: number, output: Output): void {
  const block = source.read(at, 18);
  if (block.length < 18 || block[2] !== 11 || block[14] !== 3 || block[15] !== 1) return;
  if (!LOOPS.has(block.toString('latin1', 3, 14))) return;
  output.bytes(block.subarray(0, 18), Buffer.alloc(1));
}
