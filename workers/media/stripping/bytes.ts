import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** The file cannot be taken apart reliably: only its owner gets it. */
export class NotStrippable extends Error {
  override readonly name = 'NotStrippable';
}

/** The bytes of a file, wherever they are. */
export interface ByteSource {
  readonly size: number;
  /** The bytes from `at`; fewer at the end of the file. Valid until the next call. */
  read(at: number, length: number): Buffer;
}

/** A part of the output: a range of the source, or other bytes. */
export type Piece = { readonly from: number; readonly to: number } | { readonly zeros: number } | Buffer;

/** More come of no file that a camera, an editor or a recorder has written. */
const MAX_PIECES = 500_000;

/** The output under construction: what is copied stays where it is until it is written. */
export interface Output {
  readonly pieces: readonly Piece[];
  /** Bytes so far. */
  readonly size: number;
  /** Appends the bytes of the source from `from` up to, not including, `to`. */
  copy(from: number, to: number): void;
  bytes(...parts: readonly Uint8Array[]): void;
  zeros(count: number): void;
  append(other: Output): void;
}

/** @throws NotStrippable from its methods for a file of too many pieces */
export function createOutput(): Output {
  const pieces: Piece[] = [];
  let size = 0;
  const add = (piece: Piece, length: number) => {
    if (length <= 0) return;
    if (pieces.length >= MAX_PIECES) throw new NotStrippable('too many pieces');
    size += length;
    const last = pieces.at(-1);
    if (last !== undefined && 'to' in last && 'to' in piece && last.to === piece.from)
      pieces[pieces.length - 1] = { from: last.from, to: piece.to };
    else pieces.push(piece);
  };
  const copy = (from: number, to: number) => add({ from, to }, to - from);
  const zeros = (count: number) => add({ zeros: count }, count);
  return {
    pieces,
    get size() {
      return size;
    },
    copy,
    zeros,
    bytes(...parts) {
      for (const part of parts) add(Buffer.from(part), part.length);
    },
    append(other) {
      for (const piece of other.pieces)
        if (Buffer.isBuffer(piece)) add(piece, piece.length);
        else if ('to' in piece) copy(piece.from, piece.to);
        else zeros(piece.zeros);
    },
  };
}

const CHUNK_BYTES = 1024 * 1024;

/** The bytes that an output stands for, in chunks. */
export function* bytesOf(source: ByteSource, output: Output): Generator<Buffer> {
  for (const piece of output.pieces) {
    if (Buffer.isBuffer(piece)) yield piece;
    else if ('to' in piece)
      for (let at = piece.from; at < piece.to; at += CHUNK_BYTES)
        yield source.read(at, Math.min(CHUNK_BYTES, piece.to - at));
    else
      for (let left = piece.zeros; left > 0; left -= CHUNK_BYTES)
        yield Buffer.alloc(Math.min(CHUNK_BYTES, left));
  }
}

/** Bytes in memory. */
export const sourceOf = (bytes: Buffer): ByteSource => ({
  size: bytes.length,
  read: (at, length) => bytes.subarray(at, at + length),
});

/** A file, read through a window, since most reads are small and follow each other. */
export function openSource(path: string): ByteSource & { close(): void } {
  const file = openSync(path, 'r');
  const { size } = fstatSync(file);
  const window = Buffer.allocUnsafe(CHUNK_BYTES);
  let start = 0;
  let filled = 0;
  const fill = (target: Buffer, at: number): number => {
    let read = 0;
    while (read < target.length) {
      const count = readSync(file, target, read, target.length - read, at + read);
      if (count === 0) break;
      read += count;
    }
    return read;
  };
  return {
    size,
    read(at, wanted) {
      const length = Math.max(0, Math.min(wanted, size - at));
      if (length > window.length) {
        const target = Buffer.allocUnsafe(length);
        return target.subarray(0, fill(target, at));
      }
      if (at < start || at + length > start + filled) {
        start = at;
        filled = fill(window, at);
      }
      return window.subarray(at - start, Math.min(at - start + length, filled));
    },
    close: () => closeSync(file),
  };
}

/** Exactly these bytes. @throws NotStrippable where the file ends before */
export function readExactly(source: ByteSource, at: number, length: number): Buffer {
  const bytes = source.read(at, length);
  if (bytes.length < length) throw new NotStrippable('the file is cut off');
  return bytes;
}
