import type { RequestOutcome } from '../model/outcome';
import type { RequestContext } from '../model/request-context';
import { quoted } from './json-text';
import type { LineBuffer } from './line-buffer';

/**
 * Writes the part of an access log line that says what was requested and how it ended, up to its end. Parts that repeat
 * with nearly every line are formatted once: numbers and JSON cost more than the rest of a line.
 */
export function pushRequestLine(
  line: Pick<LineBuffer, 'push' | 'end'>,
  { request, origin, requestId, traceId }: RequestContext,
  outcome: RequestOutcome,
  durationMs: number,
): void {
  const { route, status, bytesIn, bytesOut, tries, code } = outcome;
  const failure = tries?.attempt?.failure ?? outcome.failure ?? null;
  // Ids and the address consist of characters that need no escape: they were generated or validated here.
  line.push(requested(request.head.method, route));
  line.push(statusText(status));
  line.push(hundredthsText(durationMs));
  line.push(bytesIn === 0 ? NO_BYTES_IN : `,"bytes_in":${bytesIn},"bytes_out":`);
  line.push(String(bytesOut));
  line.push(',"client":"');
  line.push(origin.address);
  line.push('","request_id":"');
  line.push(requestId);
  line.push('","trace_id":"');
  line.push(traceId);
  line.push('"');
  if (tries?.attempt) line.push(instanceText(tries.attempt.instanceId));
  if (tries !== undefined) line.push(tries.retries === 0 ? NO_RETRIES : `,"retries":${tries.retries}`);
  if (code !== undefined) line.push(`,"code":${quoted(code)}`);
  if (failure !== null) line.push(`,"failure":${quoted(failure)}`);
  line.push('}');
  line.end();
}

const NO_BYTES_IN = ',"bytes_in":0,"bytes_out":';
const NO_RETRIES = ',"retries":0';

/** Routes and instances are known to the registry, so there are few; bounded all the same. */
const MAX_MEMOIZED = 5_000;

/** Not an LRU: a look-up must not cost a reordering, and what is used most comes first and stays. */
function memoized(format: (text: string) => string): (text: string) => string {
  const known = new Map<string, string>();
  return (text) => {
    const before = known.get(text);
    if (before !== undefined) return before;
    // Through bytes: a concatenation is a tree of its parts, and a part may be a substring of a request's head.
    const formatted = Buffer.from(format(text)).toString();
    if (known.size < MAX_MEMOIZED) known.set(text, formatted);
    return formatted;
  };
}

const instanceText = memoized((instanceId) => `,"instance":${quoted(instanceId)}`);

/** By method, of those that services use; other methods are what clients choose. */
const REQUESTED = new Map(
  ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].map((method) => [
    method,
    memoized((route) => `"method":"${method}","route":${quoted(route)}`),
  ]),
);

const requested = (method: string, route: string): string =>
  REQUESTED.get(method)?.(route) ?? `"method":${quoted(method)},"route":${quoted(route)}`;

const statusTexts: string[] = [];

function statusText(status: number): string {
  const known = statusTexts[status];
  if (known !== undefined) return known;
  const text = `,"status":${status},"duration_ms":`;
  if (status >= 0 && status < 1_000) statusTexts[status] = text;
  return text;
}

/** Durations below a tenth of a second, in hundredths of a millisecond. */
const MAX_HUNDREDTHS = 10_000;
const durationTexts: string[] = [];

function hundredthsText(durationMs: number): string {
  const hundredths = Math.round(durationMs * 100);
  if (!(hundredths >= 0 && hundredths < MAX_HUNDREDTHS)) return String(hundredths / 100);
  const known = durationTexts[hundredths];
  if (known !== undefined) return known;
  const text = String(hundredths / 100);
  durationTexts[hundredths] = text;
  return text;
}
