import { promisify } from 'node:util';
import {
  type BrotliCompress,
  type BrotliOptions,
  brotliCompress,
  brotliCompressSync,
  constants,
  createBrotliCompress,
  createGzip,
  createZstdCompress,
  type Gzip,
  gzip,
  type ZlibOptions,
  type ZstdCompress,
  type ZstdOptions,
  zstdCompress,
} from 'node:zlib';
import type { ContentCoding } from '../../model/content-coding';
import { countCompressed, countSkipped } from './compression-counts';

/** Compresses parts as they come. */
export type Coder = Gzip | BrotliCompress | ZstdCompress;

/** How one coding is applied. */
interface CodingSettings {
  /** A whole body at once. Blocks: for small ones. */
  now(bytes: Uint8Array): Buffer;
  /** A whole body on another thread. */
  soon(bytes: Uint8Array): Promise<Buffer>;
  /** The same, smaller and slower: for one that is kept. */
  well(bytes: Uint8Array): Promise<Buffer>;
  stream(): Coder;
  /** Passes on what was written so far. */
  readonly flush: number;
}

/**
 * Levels for responses that are compressed for one client each: those at which twice the time brings a few percent. The
 * windows bound the memory of a stream to about a megabyte.
 */
const GZIP: ZlibOptions = { level: 5 };
const BROTLI: BrotliOptions = {
  params: { [constants.BROTLI_PARAM_QUALITY]: 4, [constants.BROTLI_PARAM_LGWIN]: 18 },
};
const ZSTD: ZstdOptions = {
  params: { [constants.ZSTD_c_compressionLevel]: 3, [constants.ZSTD_c_windowLog]: 18 },
};
/**
 * For small bodies at once: what a stream does not need, and a whole body of at most 16 KiB does not notice. Measured with
 * 12 KiB of posts: zstd at level 1 takes 37 µs instead of 65 and brings 0.3 % more bytes, brotli at quality 2 takes 80
 * instead of 203 and brings 1.3 %, gzip by libdeflate at level 1 takes 39 instead of 103 and brings 7 %.
 */
const SMALL_BROTLI: BrotliOptions = {
  params: { [constants.BROTLI_PARAM_QUALITY]: 2, [constants.BROTLI_PARAM_LGWIN]: 16 },
};
const SMALL_GZIP = { level: 1, library: 'libdeflate' } as const;
const SMALL_ZSTD = { level: 1 };
/** For what is compressed once and sent many times. */
const KEPT_GZIP: ZlibOptions = { level: 9 };
const KEPT_BROTLI: BrotliOptions = { params: { [constants.BROTLI_PARAM_QUALITY]: 8 } };
const KEPT_ZSTD: ZstdOptions = { params: { [constants.ZSTD_c_compressionLevel]: 9 } };

const gzipSoon = promisify<Uint8Array, ZlibOptions, Buffer>(gzip);
const brotliSoon = promisify<Uint8Array, BrotliOptions, Buffer>(brotliCompress);
const zstdSoon = promisify<Uint8Array, ZstdOptions, Buffer>(zstdCompress);

const SETTINGS: Readonly<Record<ContentCoding, CodingSettings>> = {
  gzip: {
    now(bytes) {
      const compressed = Bun.gzipSync(unshared(bytes), SMALL_GZIP);
      return Buffer.from(compressed.buffer, compressed.byteOffset, compressed.byteLength);
    },
    soon: (bytes) => gzipSoon(bytes, GZIP),
    well: (bytes) => gzipSoon(bytes, KEPT_GZIP),
    stream: () => createGzip(GZIP),
    flush: constants.Z_SYNC_FLUSH,
  },
  br: {
    now: (bytes) => brotliCompressSync(bytes, SMALL_BROTLI),
    soon: (bytes) => brotliSoon(bytes, BROTLI),
    well: (bytes) => brotliSoon(bytes, KEPT_BROTLI),
    stream: () => createBrotliCompress(BROTLI),
    flush: constants.BROTLI_OPERATION_FLUSH,
  },
  zstd: {
    now: (bytes) => Bun.zstdCompressSync(bytes, SMALL_ZSTD),
    soon: (bytes) => zstdSoon(bytes, ZSTD),
    well: (bytes) => zstdSoon(bytes, KEPT_ZSTD),
    stream: () => createZstdCompress(ZSTD),
    flush: constants.ZSTD_e_flush,
  },
};

/** The same bytes, in the type of those that no other thread writes to. */
const unshared = ({ buffer, byteOffset, byteLength }: Uint8Array): Uint8Array<ArrayBuffer> => {
  if (!(buffer instanceof ArrayBuffer)) throw new TypeError('A body is never shared memory');
  return new Uint8Array(buffer, byteOffset, byteLength);
};

/** Counts what whole bodies are and become; a `CompressedStream` counts its parts. */
function counted(coding: ContentCoding): CodingSettings {
  const settings = SETTINGS[coding];
  const count = (input: Uint8Array, output: Buffer) => {
    countCompressed(coding, input.length, output.length);
    return output;
  };
  return {
    ...settings,
    now: (bytes) => count(bytes, settings.now(bytes)),
    soon: async (bytes) => count(bytes, await settings.soon(bytes)),
    well: async (bytes) => count(bytes, await settings.well(bytes)),
  };
}

export const CODERS: Readonly<Record<ContentCoding, CodingSettings>> = {
  gzip: counted('gzip'),
  br: counted('br'),
  zstd: counted('zstd'),
};

/** Bodies compressed on other threads at the same time; each has about a megabyte, and a share of the threads. */
const MAX_COMPRESSORS = 64;
let occupied = 0;

/** False when all are in use: the response is sent as it is. Otherwise to be released. */
export function occupyCompressor(): boolean {
  if (occupied >= MAX_COMPRESSORS) {
    countSkipped('busy');
    return false;
  }
  occupied++;
  return true;
}

export function releaseCompressor(): void {
  occupied--;
}
