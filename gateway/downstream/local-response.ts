import { BodyTooLarge, InternalError, Problem } from '#kit/errors/problem';
import { type BodyEncoder, createBodyEncoder } from '../http1/body-encoder';
import { CHUNKED, type Framing, NO_BODY, UNTIL_CLOSE } from '../http1/framing';
import type { Decision, Own } from '../model/decision';
import { CLIENT_CLOSED_REQUEST, LOCAL_ROUTE } from '../model/outcome';
import { UpstreamTimeout } from '../model/problems';
import type { ClientOrigin, RequestContext } from '../model/request-context';
import type { Plane } from '../proxy/data-plane';
import { readTarget } from '../routing/path';
import { createBodyStream } from './body-stream';
import {
  type ClientSide,
  connectionValue,
  continueIfExpected,
  mayKeepAlive,
  type RequestHandler,
} from './client-stream';
import { answerProblem, reasonOf } from './problem-response';
import { framingLine, requestFields } from './response-head';

/** Until the gateway's own handler answers; what it answers may then take its time. */
const OWN_ANSWER_MS = 30_000;

/** Who in this process answers, and within which bounds. */
interface Answering {
  readonly route: string;
  readonly service?: string;
  readonly bodyBytes: number;
  /** From the last byte of the request to the answer. */
  readonly timeoutMs: number;
  /** Asked at once, with the body as it comes; otherwise asked when the body is whole. */
  readonly streams: boolean;
  readonly answer: Own;
  readonly late: () => Problem;
}

/** Has the gateway itself answer a request: builds a `Request` of it, and writes the `Response`. */
export const answerOwn = (client: ClientSide, context: RequestContext, plane: Plane): RequestHandler =>
  answerHere(client, context, plane, {
    route: LOCAL_ROUTE,
    bodyBytes: plane.limits.ownBodyBytes,
    timeoutMs: OWN_ANSWER_MS,
    streams: false,
    answer: plane.own,
    late: () => new InternalError({ cause: new Error(`It took longer than ${OWN_ANSWER_MS} ms`) }),
  });

/** Has a request answered that goes to its service by gRPC. */
export const answerTranscoded = (
  client: ClientSide,
  context: RequestContext,
  { route, service, limits, streams, answer }: Extract<Decision, { kind: 'transcode' }>,
  plane: Plane,
): RequestHandler =>
  answerHere(client, context, plane, {
    route,
    service,
    bodyBytes: limits.bodyBytes,
    timeoutMs: limits.requestTimeoutMs,
    streams,
    answer,
    late: () => new UpstreamTimeout(),
  });

function answerHere(
  client: ClientSide,
  context: RequestContext,
  plane: Plane,
  answering: Answering,
): RequestHandler {
  const { request } = context;
  const { method, httpVersion } = request.head;
  const left = new AbortController();
  const spans: Buffer[] = [];
  const streamed = answering.streams ? createBodyStream(client) : null;
  let bytesIn = 0;
  let bytesOut = 0;
  let over = false;
  let begun = false;
  let proceed: (() => void) | null = null;

  function conclude(status: number, code?: string) {
    if (over) return;
    over = true;
    const { route, service } = answering;
    plane.accessLog.end(context, { route, service, status, bytesIn, bytesOut, code });
  }

  function fail(problem: Problem) {
    if (over) return;
    conclude(problem.status, problem.code);
    answerProblem(client, context, problem, plane);
    stop('The request was refused');
  }

  function stop(reason: string) {
    left.abort();
    streamed?.fail(new Error(reason));
  }

  function failed(failure: unknown) {
    if (over) return;
    const problem = failure instanceof Problem ? failure : new InternalError({ cause: failure });
    if (problem.code === InternalError.code)
      plane.log.error(
        { err: problem.cause, request_id: context.requestId },
        'an answer of the gateway itself failed',
      );
    fail(problem);
  }

  async function answer() {
    const body = streamed?.stream ?? (spans.length > 0 ? Buffer.concat(spans) : null);
    const response = await answering.answer(requestOf(context, body, left.signal), context.origin.address);
    if (over) {
      await response.body?.cancel();
      return;
    }
    client.deadline.clear();
    const framing = framingOf(response, method, httpVersion);
    const keepAlive = mayKeepAlive(request, client, plane.draining()) && framing.kind !== 'until-close';
    client.push(headText(response, context, framing, connectionValue(request, keepAlive)));
    begun = true;
    try {
      if (framing.kind === 'none') await response.body?.cancel();
      else await writeBody(response, createBodyEncoder(framing));
    } catch (failure) {
      // The head is out: the only way left to say that this is not the whole answer is to break off.
      if (over) return;
      plane.log.error(
        { err: failure, request_id: context.requestId },
        'an answer of the gateway itself broke off',
      );
      conclude(response.status);
      client.abort();
      return;
    }
    if (over) return;
    client.flush();
    conclude(response.status);
    client.finish(keepAlive);
  }

  async function writeBody(response: Response, encoder: BodyEncoder) {
    const reader = response.body?.getReader();
    for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
      if (over) {
        await reader?.cancel();
        return;
      }
      const span = Buffer.from(part.value.buffer, part.value.byteOffset, part.value.byteLength);
      bytesOut += span.length;
      encoder.content(span, 0, span.length, client);
      if (!client.flush()) await new Promise<void>((resolve) => (proceed = resolve));
    }
    encoder.end([], client);
  }

  const tooLarge = () => new BodyTooLarge({ detail: `At most ${answering.bodyBytes} bytes are accepted.` });

  function gone() {
    conclude(CLIENT_CLOSED_REQUEST);
    stop('The client has left');
    proceed?.();
  }

  function begin() {
    if (request.framing.kind === 'length' && request.framing.length > answering.bodyBytes) {
      fail(tooLarge());
      return;
    }
    continueIfExpected(client, request);
    if (streamed !== null) answer().catch(failed);
  }

  begin();

  return {
    content(bytes, start, end) {
      bytesIn += end - start;
      if (over) return;
      if (bytesIn > answering.bodyBytes) fail(tooLarge());
      else if (streamed !== null) streamed.push(bytes.subarray(start, end));
      else spans.push(bytes.subarray(start, end));
    },
    flush: () => undefined,
    end() {
      if (over) return;
      client.deadline.set(answering.timeoutMs);
      if (streamed !== null) streamed.end();
      else answer().catch(failed);
    },
    drained() {
      proceed?.();
      proceed = null;
    },
    gone,
    refuse(problem) {
      if (!begun) fail(problem);
      else if (!over) {
        gone();
        client.abort();
      }
    },
    timeUp: () => failed(answering.late()),
  };
}

function requestOf(context: RequestContext, body: BodyInit | null, signal: AbortSignal): Request {
  const { head } = context.request;
  const headers = new Headers();
  for (const [name, value] of requestFields(context)) headers.append(name, value);
  const url = urlOf(context.origin, head.target);
  const mayHaveBody = head.method !== 'GET' && head.method !== 'HEAD';
  return new Request(url, { method: head.method, headers, body: mayHaveBody ? body : null, signal });
}

function framingOf(response: Response, method: string, httpVersion: '1.0' | '1.1'): Framing {
  const { status } = response;
  if (method === 'HEAD' || status === 204 || status === 304) return NO_BODY;
  if (response.body === null) return { kind: 'length', length: 0 };
  const length = Number(response.headers.get('content-length') ?? Number.NaN);
  if (Number.isSafeInteger(length)) return { kind: 'length', length };
  return httpVersion === '1.1' ? CHUNKED : UNTIL_CLOSE;
}

/** With the path as it was matched. */
function urlOf({ protocol, host }: ClientOrigin, target: string): string {
  const read = readTarget(target);
  const path = read === null ? '/' : read.path + read.query;
  const url = `${protocol}://${host ?? 'localhost'}${path}`;
  // Not every name that may be asked for is one in a URL: `1.2.3.4.5` would be an IPv4 address there.
  return URL.canParse(url) ? url : `${protocol}://localhost${path}`;
}

/** Fields that belong to the connection are written by this side. */
const OWN_TO_CONNECTION = new Set([
  'connection',
  'content-length',
  'date',
  'keep-alive',
  'transfer-encoding',
  'x-request-id',
]);

function headText(
  response: Response,
  context: RequestContext,
  framing: Framing,
  connection: string | null,
): string {
  let text = `HTTP/1.1 ${response.status} ${reasonOf(response.status)}\r\n`;
  response.headers.forEach((value, name) => {
    if (context.decidesCrossOrigin && name.startsWith('access-control-')) return;
    if (!OWN_TO_CONNECTION.has(name)) text += `${name}: ${value}\r\n`;
  });
  text += `Date: ${new Date().toUTCString()}\r\nX-Request-ID: ${context.requestId}\r\n${context.responseLines}`;
  if (connection !== null) text += `Connection: ${connection}\r\n`;
  return `${text}${framingLine(framing)}\r\n`;
}
