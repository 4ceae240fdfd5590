import { isField } from '../http1/field-lines';
import type { Framing } from '../http1/framing';
import type { HeaderList, IncomingResponse } from '../http1/message';
import type { RequestContext } from '../model/request-context';

/** For one hop only (RFC 9110, 7.6.1, and what RFC 2616, 13.5.1 named besides); never passed on. */
const HOP_BY_HOP = [
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
];

/** Never taken from a client: each is written anew, or stands for something only we may say. */
const NOT_FROM_CLIENTS = new Set([
  ...HOP_BY_HOP,
  // Where a request came from is for us to say, under whatever name a server looks for it.
  'cf-connecting-ip',
  'client-ip',
  'content-length',
  'expect',
  'forwarded',
  'host',
  // CGI programs would read it as the environment variable HTTP_PROXY (httpoxy, CVE-2016-5385).
  'proxy',
  // Extensions change the bytes of frames, and are agreed on by the two ends of one connection.
  'sec-websocket-extensions',
  'traceparent',
  'true-client-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-host',
  // A request is for the method and path it was matched by, and no other.
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
  'x-real-ip',
  'x-request-id',
  'x-rewrite-url',
]);
const PREFIXES_NOT_FROM_CLIENTS = ['x-forwarded', 'x-internal-', 'x-original-', 'x-user-'];

const NOT_FROM_UPSTREAMS = new Set([
  ...HOP_BY_HOP,
  'content-length',
  'sec-websocket-extensions',
  'x-registry-revision',
  'x-request-id',
]);

/** The head for the instance, as text. @param instance named as the host, for clients that named none */
export function requestHeadText(
  context: RequestContext,
  target: string,
  instance: { readonly host: string; readonly port: number },
): string {
  const { request } = context;
  const host = request.host ?? `${instance.host}:${instance.port}`;
  let text = `${request.head.method} ${target} HTTP/1.1\r\nHost: ${host}\r\n`;
  for (const [name, , line] of request.head.headers) {
    if (passesFromClient(context, name)) text += line;
  }
  text += `${context.origin.forwardedLines}X-Request-ID: ${context.requestId}\r\ntraceparent: ${context.traceparent}\r\n`;
  if (request.upgradesToWebSocket) text += 'Connection: Upgrade\r\nUpgrade: websocket\r\n';
  return `${text}${framingLine(request.framing)}\r\n`;
}

/** Every field an instance gets but those of the connection itself: the client's that may pass, then our own. */
export function requestFields(context: RequestContext): (readonly [name: string, value: string])[] {
  const passing = context.request.head.headers
    .filter(([name]) => passesFromClient(context, name))
    .map(([name, value]) => [name, value] as const);
  return [
    ...passing,
    ...context.origin.forwardedFields,
    ['X-Request-ID', context.requestId],
    ['traceparent', context.traceparent],
  ];
}

function passesFromClient({ request, traceContinued }: RequestContext, name: string): boolean {
  const lowerCase = fromClient(name);
  if (lowerCase === null || request.connectionOptions?.has(lowerCase)) return false;
  return traceContinued || lowerCase !== 'tracestate';
}

const fromClient = remembered((lowerCase) => {
  // Servers that hand headers on as variables read `x_user_id`, `x.user.id` and `x-user-id` as the same.
  const asVariable = lowerCase.replaceAll(/[^a-z0-9]/g, '-');
  if (lowerCase.includes('_') || NOT_FROM_CLIENTS.has(asVariable)) return false;
  return !PREFIXES_NOT_FROM_CLIENTS.some((prefix) => asVariable.startsWith(prefix));
});

const fromUpstream = remembered((lowerCase) => !NOT_FROM_UPSTREAMS.has(lowerCase));

/** For a gateway that says itself which pages may read a response. */
const fromUpstreamWithoutCrossOrigin = remembered(
  (lowerCase) => !NOT_FROM_UPSTREAMS.has(lowerCase) && !lowerCase.startsWith('access-control-'),
);

const MOST_REMEMBERED_NAMES = 1_000;

/**
 * A judgement on header names, remembered by their spelling; bounded, since others choose the spelling.
 *
 * @returns the name in lower case when it may pass, null when it may not
 */
function remembered(mayPass: (lowerCaseName: string) => boolean): (name: string) => string | null {
  const judgements = new Map<string, string | null>();
  return (name) => {
    const known = judgements.get(name);
    if (known !== undefined) return known;
    const lowerCase = name.toLowerCase();
    const judgement = mayPass(lowerCase) ? lowerCase : null;
    if (judgements.size < MOST_REMEMBERED_NAMES) judgements.set(name, judgement);
    return judgement;
  };
}

/** Trailers must not bring in what a header could not. */
export function trailersFromUpstream(trailers: HeaderList): HeaderList {
  if (trailers.length === 0) return trailers;
  return trailers.filter(([name]) => {
    const lowerCase = fromUpstream(name);
    return lowerCase !== null && mayTrail(lowerCase);
  });
}

/**
 * What is decided by before the content is read (RFC 9110, 6.5.1): a reader that merges trailers into the headers would
 * change its mind by them.
 */
const NEVER_TRAILERS = new Set([
  'age',
  'cache-control',
  'date',
  'expires',
  'location',
  'pragma',
  'retry-after',
  'set-cookie',
  'trailer',
  'vary',
  'www-authenticate',
]);
const NEVER_TRAILER_PREFIXES = ['accept-', 'access-control-', 'content-', 'sec-'];

const mayTrail = (lowerCaseName: string) =>
  !NEVER_TRAILERS.has(lowerCaseName) &&
  !NEVER_TRAILER_PREFIXES.some((prefix) => lowerCaseName.startsWith(prefix));

/** The head for the client, as text. @param connection value of its Connection header, null for none */
export function responseHeadText(
  response: IncomingResponse,
  context: RequestContext,
  framing: Framing,
  connection: string | null,
): string {
  // HEAD and 304 tell the length of a body that is not there.
  const lengthPasses = framing.kind === 'none' && response.status >= 200 && response.status !== 204;
  const judge = context.decidesCrossOrigin ? fromUpstreamWithoutCrossOrigin : fromUpstream;
  let text = `HTTP/1.1 ${response.status} ${response.reason}\r\n`;
  for (const [name, , line] of response.headers) {
    if (passesFromUpstream(response, name, judge)) text += line;
    else if (lengthPasses && isField(name, 'Content-Length')) text += line;
  }
  text += `X-Request-ID: ${context.requestId}\r\n${context.responseLines}`;
  if (connection !== null) text += `Connection: ${connection}\r\n`;
  return `${text}${framingLine(framing)}\r\n`;
}

/**
 * The lines of a response that are the same for everybody it may be given to, as clients get them.
 *
 * @param only names in lower case; all that may pass where it is left out
 */
export function lastingLines(
  response: IncomingResponse,
  context: RequestContext,
  only?: ReadonlySet<string>,
): string {
  const judge = context.decidesCrossOrigin ? fromUpstreamWithoutCrossOrigin : fromUpstream;
  let text = '';
  for (const [name, , line] of response.headers) {
    // How old it is has to be said anew each time.
    if (!passesFromUpstream(response, name, judge) || isField(name, 'Age')) continue;
    if (only === undefined || only.has(name.toLowerCase())) text += line;
  }
  return text;
}

function passesFromUpstream(
  { connectionOptions }: IncomingResponse,
  name: string,
  judge = fromUpstream,
): boolean {
  const lowerCase = judge(name);
  return lowerCase !== null && !connectionOptions?.has(lowerCase);
}

/** An interim head (1xx), as text. A 101 is the last head there is: it names the protocol, and the request. */
export function interimHeadText(response: IncomingResponse, context: RequestContext): string {
  let text = `HTTP/1.1 ${response.status} ${response.reason}\r\n`;
  for (const [name, , line] of response.headers) {
    if (passesFromUpstream(response, name)) text += line;
  }
  if (response.status !== 101) return `${text}\r\n`;
  return `${text}X-Request-ID: ${context.requestId}\r\n${context.responseLines}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;
}

export function framingLine(framing: Framing): string {
  if (framing.kind === 'length') return `Content-Length: ${framing.length}\r\n`;
  return framing.kind === 'chunked' ? 'Transfer-Encoding: chunked\r\n' : '';
}
