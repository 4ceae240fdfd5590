import { BodyTooLarge, InternalError, type Problem } from '#kit/problem';
import { type BodyEncoder, createBodyEncoder } from '../http1/body-encoder';
import { CHUNKED, type Framing, NO_BODY, UNTIL_CLOSE } from '../http1/framing';
import { CLIENT_LEFT } from './access-log';
import { type ClientSide, connectionValue, mayKeepAlive, type RequestHandler } from './client-side';
import { framingLine, requestFields } from './forwarded-headers';
import type { Plane } from './plane';
import { answerProblem, reasonOf } from './problem-answer';
import type { RequestContext } from './request-context';

/** Until the gateway's own handler answers; what it answers may then take its time. */
const OWN_ANSWER_MS = 30_000;
const ROUTE = 'own';

/** Has the gateway itself answer a request: builds a `Request` of it, and writes the `Response`. */
export function answerOwn(client: ClientSide, context: RequestContext, plane: Plane): RequestHandler {
  const { request } = context;
  const { method, httpVersion } = request.head;
  const left = new AbortController();
  const spans: Buffer[] = [];
  let bytesIn = 0;
  let bytesOut = 0;
  let over = false;
  let proceed: (() => void) | null = null;

  function conclude(status: number, code?: string) {
    if (over) return;
    over = true;
    plane.accessLog.end(context, { route: ROUTE, status, bytesIn, bytesOut, code });
  }

  function fail(problem: Problem) {
    if (over) return;
    conclude(problem.status, problem.code);
    answerProblem(client, context, problem, plane);
    left.abort();
  }

  function failed(failure: unknown) {
    if (over) return;
    plane.log.error(
      { err: failure, request_id: context.requestId },
      'an answer of the gateway itself failed',
    );
    fail(new InternalError());
  }

  async function answer() {
    const response = await plane.own(requestOf(context, spans, left.signal), context.origin.address);
    if (over) {
      await response.body?.cancel();
      return;
    }
    client.deadline.clear();
    const framing = framingOf(response, method, httpVersion);
    const keepAlive = mayKeepAlive(request, client, plane.draining()) && framing.kind !== 'until-close';
    client.push(headText(response, context, framing, connectionValue(request, keepAlive)));
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

  return {
    content(bytes, start, end) {
      bytesIn += end - start;
      if (bytesIn > plane.limits.ownBodyBytes) fail(new BodyTooLarge());
      else if (!over) spans.push(bytes.subarray(start, end));
    },
    flush: () => undefined,
    end() {
      if (over) return;
      client.deadline.set(OWN_ANSWER_MS);
      answer().catch(failed);
    },
    drained() {
      proceed?.();
      proceed = null;
    },
    gone() {
      conclude(CLIENT_LEFT);
      left.abort();
      proceed?.();
    },
    timeUp: () => failed(new Error(`${method} ${request.head.target} took longer than ${OWN_ANSWER_MS} ms`)),
  };
}

function requestOf(context: RequestContext, spans: readonly Buffer[], signal: AbortSignal): Request {
  const { head } = context.request;
  const headers = new Headers();
  for (const [name, value] of requestFields(context)) headers.append(name, value);
  const target = head.target === '*' ? '/' : head.target;
  const url = `${context.origin.protocol}://${context.origin.host ?? 'localhost'}${target}`;
  const body =
    spans.length > 0 && head.method !== 'GET' && head.method !== 'HEAD' ? Buffer.concat(spans) : null;
  return new Request(url, { method: head.method, headers, body, signal });
}

function framingOf(response: Response, method: string, httpVersion: '1.0' | '1.1'): Framing {
  const { status } = response;
  if (method === 'HEAD' || status === 204 || status === 304) return NO_BODY;
  if (response.body === null) return { kind: 'length', length: 0 };
  const length = Number(response.headers.get('content-length') ?? Number.NaN);
  if (Number.isSafeInteger(length)) return { kind: 'length', length };
  return httpVersion === '1.1' ? CHUNKED : UNTIL_CLOSE;
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
    if (!OWN_TO_CONNECTION.has(name)) text += `${name}: ${value}\r\n`;
  });
  text += `Date: ${new Date().toUTCString()}\r\nX-Request-ID: ${context.requestId}\r\n`;
  if (connection !== null) text += `Connection: ${connection}\r\n`;
  return `${text}${framingLine(framing)}\r\n`;
}
