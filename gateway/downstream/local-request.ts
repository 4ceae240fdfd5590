import { uncodedValue } from '../model/content-coding';
import { isForwardedUpstream } from '../model/forwarded-fields';
import type { ClientOrigin, RequestContext } from '../model/request-context';
import { readTarget } from '../routing/path';

/** Converts a request into a `Request` for a handler in this process. */
export function localRequest(context: RequestContext, body: BodyInit | null, signal: AbortSignal): Request {
  const { head } = context.request;
  const headers = new Headers();
  for (const [name, value] of fieldsOf(context)) headers.append(name, value);
  const url = urlOf(context.origin, head.target);
  const mayHaveBody = head.method !== 'GET' && head.method !== 'HEAD';
  // A `Request` of these methods holds no body: that there was one shows in its header.
  if (!mayHaveBody && body !== null) headers.set('transfer-encoding', 'chunked');
  return new Request(url, { method: head.method, headers, body: mayHaveBody ? body : null, signal });
}

/** The fields an instance would receive, except those of the connection. */
function fieldsOf(context: RequestContext): (readonly [name: string, value: string])[] {
  const forwarded = context.request.head.headers
    .filter(([name]) => isForwardedUpstream(context, name))
    .map((line) => [line[0], uncodedValue(line)] as const);
  return [
    ...forwarded,
    ...context.origin.forwardedFields,
    ['X-Request-ID', context.requestId],
    ['traceparent', context.traceparent],
  ];
}

/** With the path as it was matched. */
function urlOf({ protocol, host }: ClientOrigin, target: string): string {
  const read = readTarget(target);
  const path = read === null ? '/' : read.path + read.query;
  const url = `${protocol}://${host ?? 'localhost'}${path}`;
  // Not every valid Host is valid in a URL: `1.2.3.4.5` would be parsed as an IPv4 address.
  return URL.canParse(url) ? url : `${protocol}://localhost${path}`;
}
