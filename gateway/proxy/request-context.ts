import { randomFillSync } from 'node:crypto';
import type { SpanRecorder } from '#kit/core/span';
import { readTraceparent } from '#kit/tracing/traceparent';
import { type ClientPeer, originOf, type TrustedProxies } from '../downstream/client-origin';
import { TOKEN } from '../http1/characters';
import type { HeaderList, IncomingRequest } from '../http1/message';
import type { RequestContext } from '../model/request-context';

/** What a request context is created from, besides the request. */
export interface ContextSources {
  readonly isTrusted: TrustedProxies;
  /** Null where tracing is disabled. */
  readonly spans: SpanRecorder | null;
  revision(): number;
}

export function createRequestContext(
  request: IncomingRequest,
  peer: ClientPeer,
  { isTrusted, spans, revision }: ContextSources,
): RequestContext {
  const { headers } = request.head;
  const caller = readTraceparent(singleValue(headers, 'traceparent'));
  const random = randomHex();
  const traceId = caller?.slice(3, 35) ?? random.slice(0, 32);
  // Without spans of its own the gateway leaves sampling to the services.
  const flags = caller?.slice(53, 55) ?? (spans === null || spans.shouldSample(traceId) ? '01' : '00');
  const givenId = singleValue(headers, 'x-request-id');
  return {
    request,
    origin: originOf(request, peer, isTrusted),
    requestId: givenId !== null && isRequestId(givenId) ? copyOf(givenId) : newRequestId(),
    traceId,
    traceparent: `00-${traceId}-${random.slice(32, 48)}-${flags}`,
    // Retained until the span is exported.
    parentSpanId: spans !== null && caller !== null ? copyOf(caller.slice(36, 52)) : null,
    traceContinued: caller !== null,
    startedMs: performance.now(),
    revision: revision(),
  };
}

function singleValue(headers: HeaderList, lowerCaseName: string): string | null {
  for (const [name, value] of headers) {
    if (name.length === lowerCaseName.length && name.toLowerCase() === lowerCaseName) return value;
  }
  return null;
}

/** `[A-Za-z0-9._-]{8,128}` */
function isRequestId(text: string): boolean {
  if (text.length < 8 || text.length > 128) return false;
  for (let position = 0; position < text.length; position++) {
    const code = text.charCodeAt(position);
    if (TOKEN[code] !== 1 || OTHER_TOKEN_CHARACTERS.includes(text.charAt(position))) return false;
  }
  return true;
}

/** Ids are retained for a while, and a substring retains its string: the whole head it was sent in. */
const copyOf = (text: string) => Buffer.from(text, 'latin1').toString('latin1');

const OTHER_TOKEN_CHARACTERS = "!#$%&'*+^`|~";

/** Unique by the process's random part and a counter: no random bytes are drawn per request. */
function newRequestId(): string {
  if (blockUsed === BLOCK) {
    blockUsed = 0;
    blockPart = `${PROCESS_PART}-${(blockCount++).toString(36)}`;
  }
  return blockPart + (LAST_PARTS[blockUsed++] ?? '');
}

const PROCESS_PART = crypto.randomUUID().replaceAll('-', '').slice(0, 16);
/** The last two digits of the counter are formatted once: formatting a number costs more than the rest of an id. */
const BLOCK = 36 ** 2;
const LAST_PARTS = Array.from({ length: BLOCK }, (_, count) => count.toString(36).padStart(2, '0'));
let blockCount = 0;
let blockUsed = BLOCK;
let blockPart = '';

const RANDOM_BYTES_AT_ONCE = 24 * 256;
const randomBytes = Buffer.alloc(RANDOM_BYTES_AT_ONCE);
let randomText = '';
let randomUsed = 0;

/** 24 random bytes in hexadecimal, drawn and formatted many at a time. */
function randomHex(): string {
  if (randomUsed === randomText.length) {
    randomText = randomFillSync(randomBytes).toString('hex');
    randomUsed = 0;
  }
  randomUsed += 48;
  return randomText.substring(randomUsed - 48, randomUsed);
}
