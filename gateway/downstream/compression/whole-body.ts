import { LRUCache } from 'lru-cache';
import type { ContentCoding } from '../../model/content-coding';
import type { Exchange } from '../exchange';
import { CODERS, occupyCompressor, releaseCompressor } from './coders';
import { type Compression, compressionOf, IDENTITY, MIN_BYTES, UNCOMPRESSED } from './compression';
import { countSkipped } from './compression-counts';

/** The body of a local response as it is sent. */
export interface WholeBody {
  readonly compression: Compression;
  /** Null where the response's own body is sent, unread. */
  readonly bytes: Buffer | null;
}

/** Larger ones are sent as they are: they would have to be read whole. */
const MAX_BYTES = 8 * 1024 * 1024;
/** A smaller body is compressed at once, within a millisecond: another thread would take longer. */
const MAX_BYTES_AT_ONCE = 16 * 1024;
/** The gateway's own documents in all codings: some 3 MB of them. */
const KEPT_BYTES = 16 * 1024 * 1024;

/** Compressed documents of the gateway itself by path, entity tag and coding. */
const kept = new LRUCache<string, Buffer>({
  maxSize: KEPT_BYTES,
  sizeCalculation: ({ length }, key) => length + key.length,
});
const beingCompressed = new Map<string, Promise<Buffer>>();

const asItIs = (compression: Compression): WholeBody => ({ compression, bytes: null });

/** Compresses the body of a local response where the client asks for it. Rejects when the body cannot be read. */
export async function wholeBodyOf(exchange: Exchange, response: Response): Promise<WholeBody> {
  const { headers, status } = response;
  const length = lengthIn(headers);
  const compression = compressionOf(exchange, { status, length, fields: headers });
  const { coding } = compression;
  if (coding === null) return asItIs(compression);
  // A response to HEAD without a body says by its length what GET would be answered.
  if (response.body === null) return asItIs(length === null ? UNCOMPRESSED : compression);
  if (length !== null && length > MAX_BYTES) return asItIs(IDENTITY);
  const key = keyOf(exchange, headers, coding);
  const known = key === null ? undefined : kept.get(key);
  if (known !== undefined) {
    await response.body.cancel();
    return { compression, bytes: known };
  }
  const bytes = Buffer.from(await response.arrayBuffer());
  if (bytes.length <= MIN_BYTES) return { compression: UNCOMPRESSED, bytes };
  const compressed = key === null ? await compress(bytes, coding) : await keep(key, bytes, coding);
  if (compressed.length < bytes.length) return { compression, bytes: compressed };
  // The body itself, when no compressor was free.
  if (compressed !== bytes) countSkipped('not-smaller');
  return { compression: IDENTITY, bytes };
}

/** @returns the body itself when no compressor is free */
async function compress(bytes: Buffer, coding: ContentCoding): Promise<Buffer> {
  if (bytes.length <= MAX_BYTES_AT_ONCE) return CODERS[coding].now(bytes);
  if (!occupyCompressor()) return bytes;
  try {
    return await CODERS[coding].soon(bytes);
  } finally {
    releaseCompressor();
  }
}

/** Compresses a document once, for all who ask for it meanwhile and later. */
function keep(key: string, bytes: Buffer, coding: ContentCoding): Promise<Buffer> {
  const running = beingCompressed.get(key);
  if (running !== undefined) return running;
  const compressing = CODERS[coding]
    .well(bytes)
    .then((compressed) => {
      kept.set(key, compressed);
      return compressed;
    })
    .finally(() => beingCompressed.delete(key));
  beingCompressed.set(key, compressing);
  return compressing;
}

/** Null for what is not kept: responses of services, and those without a strong entity tag. */
function keyOf({ decision, context }: Exchange, headers: Headers, coding: ContentCoding): string | null {
  const etag = headers.get('etag');
  if (decision.kind !== 'local' || etag === null || !etag.startsWith('"')) return null;
  const { target } = context.request.head;
  const query = target.indexOf('?');
  return `${coding} ${etag} ${query === -1 ? target : target.slice(0, query)}`;
}

function lengthIn(headers: Headers): number | null {
  const length = Number(headers.get('content-length') ?? Number.NaN);
  return Number.isSafeInteger(length) ? length : null;
}
