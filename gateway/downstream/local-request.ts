import { uncodedValue } from '../model/content-coding';
import { isForwardedUpstream } from '../model/forwarded-fields';
import type { ClientOrigin, RequestContext } from '../model/request-context';
import type { Exchange } from './exchange';
import { cutPrefixOf } from './restored-addresses';

/** Converts a request into a `Request` for a handler in this process. @param target path and query as the handler knows them */
export function localRequest(
  { context, decision }: Pick<Exchange, 'context' | 'decision'>,
  target: string,
  body: BodyInit | null,
  signal: AbortSignal,
): Request {
  const { head } = context.request;
  const headers = new Headers();
  for (const [name, value] of fieldsOf(context, cutPrefixOf({ context, decision })))
    headers.append(name, value);
  const url = urlOf(context.origin, target);
  const mayHaveBody = head.method !== 'GET' && head.method !== 'HEAD';
  // A `Request` of these methods holds no body: that there was one shows in its header.
  if (!mayHaveBody && body !== null) headers.set('transfer-encoding', 'chunked');
  return new Request(url, { method: head.method, headers, body: mayHaveBody ? body : null, signal });
}

/** The fields an instance would receive, except those of the connection. */
function fieldsOf(context: RequestContext, prefix: string): (readonly [name: string, value: string])[] {
  const forwarded = context.request.head.headers
    .filter(([name]) => isForwardedUpstream(context, name))
    .map((line) => [line[0], uncodedValue(line)] as const);
  return [
    ...forwarded,
    ...context.origin.forwardedFields,
    ...(prefix === '' ? [] : [['X-Forwarded-Prefix', prefix] as const]),
    ['X-Request-ID', context.requestId],
    ['traceparent', context.traceparent],
  ];
}

/**
 * As over the plain connection of an instance: `http`, whatever the client's connection is, which `X-Forwarded-Proto`
 * tells. The routers of frameworks find the path at a fixed position.
 */
function urlOf({ host }: ClientOrigin, target: string): string {
  const url = `http://${host ?? 'localhost'}${target}`;
  // Not every valid Host is valid in a URL: `1.2.3.4.5` would be parsed as an IPv4 address.
  return URL.canParse(url) ? url : `http://localhost${target}`;
}
