import { closeSync, openSync, writeSync } from 'node:fs';
import { type ByteSource, bytesOf, createOutput, NotStrippable, type Output, openSource } from './bytes';
import { stripGif } from './gif';
import { stripIso } from './iso';
import { stripJpeg } from './jpeg';
import { stripMp3 } from './mp3';
import { stripOgg } from './ogg';
import { stripPng } from './png';
import { stripWebm } from './webm';
import { stripWebp } from './webp';

/** The file that the copy is written to, in a folder of its own. */
export const COPY_NAME = 'copy';

/** What leaves of a file of a type only what it is decoded with, lossless. */
const STRIPPERS: ReadonlyMap<string, (source: ByteSource, output: Output) => void> = new Map([
  ['image/jpeg', stripJpeg],
  ['image/png', stripPng],
  ['image/gif', stripGif],
  ['image/webp', stripWebp],
  ['image/avif', stripIso],
  ['image/heic', stripIso],
  ['image/heif', stripIso],
  ['video/mp4', stripIso],
  ['video/quicktime', stripIso],
  ['video/webm', stripWebm],
  ['audio/mpeg', stripMp3],
  ['audio/ogg', stripOgg],
]);

/** The output for a file; undefined for one that cannot be taken apart reliably. */
export function strip(source: ByteSource, type: string): Output | undefined {
  const output = createOutput();
  try {
    const stripper = STRIPPERS.get(type);
    if (stripper === undefined) return undefined;
    stripper(source, output);
    return output;
  } catch (failure) {
    if (failure instanceof NotStrippable) return undefined;
    throw failure;
  }
}

/** Writes a file without its metadata to `target`. @returns false for one that cannot be taken apart reliably */
export function stripFile(path: string, type: string, target: string): boolean {
  const source = openSource(path);
  try {
    const output = strip(source, type);
    if (output === undefined) return false;
    const file = openSync(target, 'wx');
    try {
      for (const bytes of bytesOf(source, output)) writeAll(file, bytes);
    } finally {
      closeSync(file);
    }
    return true;
  } finally {
    source.close();
  }
}

function writeAll(file: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}
