import { isJsonType, mediaTypeOf } from '#kit/text/media-type';

/** Text besides `text/*`, JSON and XML. */
const TEXT_TYPES = new Set([
  'application/ecmascript',
  'application/graphql',
  'application/javascript',
  'application/openmetrics-text',
  'application/rtf',
  'application/toml',
  'application/x-javascript',
  'application/xml',
  'application/yaml',
]);
/** Streams of messages: a part that waits in a compressor is a message that is late. */
const STREAM_TYPES = new Set([
  'application/json-seq',
  'application/jsonl',
  'application/ndjson',
  'application/stream+json',
  'application/x-ndjson',
  'text/event-stream',
]);

/** Instances choose the values: a few each. Bounded all the same. */
const MAX_MEMOIZED = 500;
const memoized = new Map<string, boolean>();

/** Whether a `Content-Type` is one of text, which compression makes smaller. */
export function isCompressible(contentType: string): boolean {
  const known = memoized.get(contentType);
  if (known !== undefined) return known;
  const compressible = isText(mediaTypeOf(contentType));
  if (memoized.size < MAX_MEMOIZED) memoized.set(contentType, compressible);
  return compressible;
}

const isText = (mediaType: string): boolean =>
  !STREAM_TYPES.has(mediaType) &&
  (mediaType.startsWith('text/') ||
    isJsonType(mediaType) ||
    mediaType.endsWith('+xml') ||
    TEXT_TYPES.has(mediaType));
