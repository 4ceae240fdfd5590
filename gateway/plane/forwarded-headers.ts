import type { HeaderList } from '../decision';
import type { Framing } from '../http1/framing';
import type { IncomingResponse } from '../http1/response-head';
import type { RequestContext } from './request-context';

/** For one hop only (RFC 9110, 7.6.1, and what RFC 2616, 13.5.1 named besides); never passed on. */
const HOP_BY_HOP = [
  'connection',
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
  'content-length',
  'expect',
  'forwarded',
  'host',
  // CGI programs would read it as the environment variable HTTP_PROXY (httpoxy, CVE-2016-5385).
  'proxy',
  // Extensions change the bytes of frames, and are agreed on by the two ends of one connection.
  'sec-websocket-extensions',
  'traceparent',
  'x-real-ip',
  'x-request-id',
]);
const PREFIXES_NOT_FROM_CLIENTS = ['x-forwarded-', 'x-internal-', 'x-user-'];

const NOT_FROM_UPSTREAMS = new Set([
  ...HOP_BY_HOP,
  'content-length',
  'sec-websocket-extensions',
  'x-request-id',
]);

/** The head for the instance, as text. @param authority of the instance, for clients that named no host */
export function requestHeadText(context: RequestContext, target: string, authority: string): string {
  const { request } = context;
  let text = `${request.head.method} ${target} HTTP/1.1\r\nHost: ${request.host ?? authority}\r\n`;
  eachRequestField(context, (name, value) => {
    text += `${name}: ${value}\r\n`;
  });
  if (request.upgradesToWebSocket) text += 'Connection: Upgrade\r\nUpgrade: websocket\r\n';
  return `${text}${framingLine(request.framing)}\r\n`;
}

/** Every field an instance gets but those of the connection itself: the client's that may pass, then our own. */
export function eachRequestField(context: RequestContext, add: (name: string, value: string) => void): void {
  const { request, origin } = context;
  const options = request.connectionOptions;
  for (const [name, value] of request.head.headers) {
    if (mayComeFromClient(name) && !options?.has(name.toLowerCase())) {
      if (context.traceContinued || name.length !== 10 || name.toLowerCase() !== 'tracestate')
        add(name, value);
    }
  }
  add('X-Forwarded-For', origin.forwardedFor);
  add('X-Forwarded-Proto', origin.protocol);
  if (origin.host !== null) add('X-Forwarded-Host', origin.host);
  add('Forwarded', forwardedValue(context));
  add('X-Request-ID', context.requestId);
  add('traceparent', context.traceparent);
}

/** RFC 7239; what holds a colon must be quoted. */
function forwardedValue({ origin }: RequestContext): string {
  const client = origin.address.includes(':') ? `"[${origin.address}]"` : origin.address;
  const host = origin.host === null ? '' : `;host="${origin.host}"`;
  return `for=${client}${host};proto=${origin.protocol}`;
}

/** How a name was judged before, by its spelling; bounded, since clients choose the spelling. */
const judgedNames = new Map<string, boolean>();
const MOST_JUDGED_NAMES = 1_000;

function mayComeFromClient(name: string): boolean {
  const known = judgedNames.get(name);
  if (known !== undefined) return known;
  const lowerCase = name.toLowerCase();
  const may =
    // Servers that hand headers on as variables read `x_user_id` and `x-user-id` as the same.
    !lowerCase.includes('_') &&
    !NOT_FROM_CLIENTS.has(lowerCase) &&
    !PREFIXES_NOT_FROM_CLIENTS.some((prefix) => lowerCase.startsWith(prefix));
  if (judgedNames.size < MOST_JUDGED_NAMES) judgedNames.set(name, may);
  return may;
}

/** Trailers must not bring in what a header could not. */
export const trailersFromClient = (trailers: HeaderList): HeaderList =>
  trailers.filter(([name]) => mayComeFromClient(name));

/** The head for the client, as text. @param connection value of its Connection header, null for none */
export function responseHeadText(
  response: IncomingResponse,
  context: RequestContext,
  framing: Framing,
  connection: string | null,
): string {
  let text = `HTTP/1.1 ${response.status} ${response.reason}\r\n`;
  const options = response.connectionOptions;
  for (const [name, value] of response.headers) {
    const lowerCase = name.toLowerCase();
    if (NOT_FROM_UPSTREAMS.has(lowerCase) || options?.has(lowerCase)) {
      // HEAD and 304 tell the length of a body that is not there.
      if (
        framing.kind !== 'none' ||
        lowerCase !== 'content-length' ||
        response.status < 200 ||
        response.status === 204
      ) {
        continue;
      }
    }
    text += `${name}: ${value}\r\n`;
  }
  text += `X-Request-ID: ${context.requestId}\r\n`;
  if (connection !== null) text += `Connection: ${connection}\r\n`;
  return `${text}${framingLine(framing)}\r\n`;
}

/** An interim head (1xx), as text. A 101 names the protocol it switches to. */
export function interimHeadText(response: IncomingResponse): string {
  let text = `HTTP/1.1 ${response.status} ${response.reason}\r\n`;
  for (const [name, value] of response.headers) {
    const lowerCase = name.toLowerCase();
    if (!NOT_FROM_UPSTREAMS.has(lowerCase) && !response.connectionOptions?.has(lowerCase))
      text += `${name}: ${value}\r\n`;
  }
  if (response.status === 101) text += 'Connection: Upgrade\r\nUpgrade: websocket\r\n';
  return `${text}\r\n`;
}

export function framingLine(framing: Framing): string {
  if (framing.kind === 'length') return `Content-Length: ${framing.length}\r\n`;
  return framing.kind === 'chunked' ? 'Transfer-Encoding: chunked\r\n' : '';
}
