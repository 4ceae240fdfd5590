import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';

/** One file of a backup, as its manifest lists it. */
export interface Part {
  readonly file: string;
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
  /** Rows, keys, messages or items; undefined for dumps. */
  readonly entries?: number;
}

/** For their owner alone: a backup holds personal data. */
const MODE = 0o600;

/** Writes a compressed file of a backup. @returns what the manifest says about it */
export async function writePart(folder: string, file: string, source: Readable): Promise<Part> {
  const hash = createHash('sha256');
  let bytes = 0;
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.length;
      done(null, chunk);
    },
  });
  await pipeline(source, createGzip(), measure, createWriteStream(join(folder, file), { mode: MODE }));
  return { file, bytes, sha256: hash.digest('hex') };
}

/** Writes values, one line of JSON each. */
export async function writeLines(
  folder: string,
  file: string,
  values: AsyncIterable<object> | Iterable<object>,
): Promise<Part> {
  let entries = 0;
  async function* lines() {
    for await (const value of values) {
      entries++;
      yield `${JSON.stringify(value)}\n`;
    }
  }
  const part = await writePart(folder, file, Readable.from(lines()));
  return { ...part, entries };
}

/** The uncompressed bytes of a file of a backup. */
export const readPart = (folder: string, file: string): Readable =>
  createReadStream(join(folder, file)).pipe(createGunzip());

/** The values that `writeLines` wrote. */
export async function* readLines<Value>(folder: string, file: string): AsyncGenerator<Value> {
  for await (const line of createInterface({ input: readPart(folder, file) })) yield JSON.parse(line);
}

/** @throws unless the file is as its backup has written it */
export async function checkPart(folder: string, { file, sha256 }: Part): Promise<void> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(join(folder, file))) hash.update(chunk);
  if (hash.digest('hex') !== sha256)
    throw new Error(`${file} is not as it was written: its checksum differs`);
}
