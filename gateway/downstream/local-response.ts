import { bodyTooLarge, InternalError, Problem } from '#kit/errors/problem';
import { statusNameOf } from '#kit/grpc/status';
import { type BodyEncoder, createBodyEncoder } from '../http1/body-encoder';
import { listOf } from '../http1/field-lines';
import { CHUNKED, type Framing, framingLine, NO_BODY, UNTIL_CLOSE } from '../http1/framing';
import { httpDate } from '../http1/http-date';
import { reasonPhrase } from '../http1/reason-phrase';
import { knownEntityTag } from '../model/content-coding';
import type { LocalHandler } from '../model/decision';
import { isCrossOriginField } from '../model/forwarded-fields';
import { CLIENT_CLOSED_REQUEST } from '../model/outcome';
import { UpstreamBadResponse } from '../model/problems';
import { type BodyStream, createBodyStream } from './body-stream';
import type { RequestHandler } from './client-stream';
import { codedLine } from './compression/compression';
import { wholeBodyOf } from './compression/whole-body';
import { canKeepAlive, connectionValue, type Exchange, sendContinueIfExpected } from './exchange';
import { localRequest } from './local-request';
import { sendProblem } from './problem-response';
import type { WrittenResponse } from './response-head';
import { withRestoredAddresses } from './restored-addresses';

/** A handler within this process, and its limits. */
export interface LocalResponder {
  /** Route in logs and metrics. */
  readonly route: string;
  readonly service?: string;
  /** Path and query as the handler knows them. */
  readonly target: string;
  readonly bodyBytes: number;
  /** From the last byte of the request to the response. */
  readonly timeoutMs: number;
  /** Called at once with a streamed body; otherwise when the body is complete. */
  readonly streamsBody: boolean;
  readonly respond: LocalHandler;
  readonly timeoutProblem: () => Problem;
}

/** Responds to a request within this process: builds a `Request`, and sends the `Response`. */
export function respondLocally(exchange: Exchange, responder: LocalResponder): RequestHandler {
  const { client, context, dataPlane } = exchange;
  const { request } = context;
  const { method, httpVersion } = request.head;
  const aborted = new AbortController();
  const parts: Buffer[] = [];
  const bodyStream: BodyStream | null = responder.streamsBody ? createBodyStream(client) : null;
  let bytesIn = 0;
  let bytesOut = 0;
  let isOver = false;
  let hasBegun = false;
  let onDrained: (() => void) | null = null;

  function record(status: number, problem?: Problem) {
    if (isOver) return;
    isOver = true;
    const { route, service } = responder;
    const failure = status >= 500 ? callFailureOf(problem) : undefined;
    dataPlane.accessLog.end(context, {
      route,
      service,
      status,
      bytesIn,
      bytesOut,
      code: problem?.code,
      failure,
    });
  }

  function rejectWith(problem: Problem) {
    if (isOver) return;
    record(problem.status, problem);
    sendProblem(exchange, problem);
    cancel('The request was rejected');
  }

  function cancel(reason: string) {
    aborted.abort();
    bodyStream?.fail(new Error(reason));
  }

  function failed(failure: unknown) {
    if (isOver) return;
    const problem = failure instanceof Problem ? failure : new InternalError({ cause: failure });
    // A 502 or 500 tells the client nothing of its cause.
    if (problem.code === InternalError.code || problem.code === UpstreamBadResponse.code)
      dataPlane.log.error({ err: problem.cause, request_id: context.requestId }, 'local response failed');
    rejectWith(problem);
  }

  async function respond() {
    const body = bodyStream?.stream ?? (parts.length > 0 ? Buffer.concat(parts) : null);
    const answer = await responder.respond(
      localRequest(exchange, responder.target, body, aborted.signal),
      context.origin.address,
    );
    const response = withRestoredAddresses(exchange, answer);
    if (isOver) {
      await response.body?.cancel();
      return;
    }
    client.deadline.clear();
    const { bytes, compression } = await wholeBodyOf(exchange, response);
    if (isOver) return;
    const framing = framingOf(response, bytes, method, httpVersion);
    const keepAlive = canKeepAlive(exchange) && framing.kind !== 'until-close';
    const connection = connectionValue(exchange, keepAlive);
    client.push(headText(exchange, response, { framing, connection, compression }));
    hasBegun = true;
    try {
      if (framing.kind === 'none') await response.body?.cancel();
      else if (bytes !== null) await sendPart(bytes, createBodyEncoder(framing));
      else await sendBody(response, createBodyEncoder(framing));
    } catch (failure) {
      // The head has been sent: only a reset tells the client that the response is incomplete.
      if (isOver) return;
      dataPlane.log.error({ err: failure, request_id: context.requestId }, 'local response body failed');
      record(response.status);
      client.abort();
      return;
    }
    if (isOver) return;
    client.flush();
    record(response.status);
    client.finish(keepAlive);
  }

  async function sendBody(response: Response, encoder: BodyEncoder) {
    const reader = response.body?.getReader();
    for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
      if (isOver) {
        await reader?.cancel();
        return;
      }
      await sendPart(Buffer.from(part.value.buffer, part.value.byteOffset, part.value.byteLength), encoder);
    }
    encoder.end([], client);
  }

  async function sendPart(bytes: Buffer, encoder: BodyEncoder) {
    bytesOut += bytes.length;
    encoder.content(bytes, 0, bytes.length, client);
    if (!client.flush()) await new Promise<void>((resolve) => (onDrained = resolve));
  }

  const tooLarge = () => bodyTooLarge(responder.bodyBytes);

  function disconnected() {
    record(CLIENT_CLOSED_REQUEST);
    cancel('The client disconnected');
    onDrained?.();
  }

  function begin() {
    if (request.framing.kind === 'length' && request.framing.length > responder.bodyBytes) {
      rejectWith(tooLarge());
      return;
    }
    sendContinueIfExpected(exchange);
    if (bodyStream !== null) respond().catch(failed);
  }

  begin();

  return {
    content(bytes, start, end) {
      bytesIn += end - start;
      if (isOver) return;
      if (bytesIn > responder.bodyBytes) rejectWith(tooLarge());
      else if (bodyStream !== null) bodyStream.push(bytes.subarray(start, end));
      else parts.push(bytes.subarray(start, end));
    },
    flush: () => undefined,
    end() {
      if (isOver) return;
      client.deadline.set(responder.timeoutMs);
      if (bodyStream !== null) bodyStream.end();
      else respond().catch(failed);
    },
    drained() {
      onDrained?.();
      onDrained = null;
    },
    disconnected,
    reject(problem) {
      if (!hasBegun) rejectWith(problem);
      else if (!isOver) {
        disconnected();
        client.abort();
      }
    },
    timedOut: () => failed(responder.timeoutProblem()),
  };
}

function framingOf(
  response: Response,
  bytes: Buffer | null,
  method: string,
  httpVersion: '1.0' | '1.1',
): Framing {
  const { status } = response;
  if (method === 'HEAD' || status === 204 || status === 304) return NO_BODY;
  if (bytes !== null) return { kind: 'length', length: bytes.length };
  if (response.body === null) return { kind: 'length', length: 0 };
  const length = Number(response.headers.get('content-length') ?? Number.NaN);
  if (Number.isSafeInteger(length)) return { kind: 'length', length };
  return httpVersion === '1.1' ? CHUNKED : UNTIL_CLOSE;
}

/** Fields of the connection, and those the gateway writes itself. */
const WRITTEN_BY_GATEWAY = new Set([
  'connection',
  'content-length',
  'date',
  'keep-alive',
  'transfer-encoding',
  'x-request-id',
]);

function headText(
  { context, plan }: Exchange,
  response: Response,
  { framing, connection, compression }: WrittenResponse,
): string {
  const { coding } = compression;
  const ifNoneMatch = response.status === 304 ? listOf(context.request.head.headers, 'If-None-Match') : null;
  let text = `HTTP/1.1 ${response.status} ${reasonPhrase(response.status)}\r\n`;
  response.headers.forEach((value, name) => {
    if (WRITTEN_BY_GATEWAY.has(name) || isCrossOriginField(name)) return;
    const sent = name === 'etag' ? knownEntityTag(value, ifNoneMatch) : value;
    const line = `${name}: ${sent}\r\n`;
    text += coding === null ? line : codedLine([name, value, line], coding);
  });
  text += `${compression.lines}Date: ${httpDate()}\r\n`;
  text += `X-Request-ID: ${context.requestId}\r\n${plan.headerLines}`;
  if (connection !== null) text += `Connection: ${connection}\r\n`;
  return `${text}${framingLine(framing)}\r\n`;
}

/** Why a response of a service failed, where it was called over gRPC: the client learns no more than the status. */
function callFailureOf(problem: Problem | undefined): string | undefined {
  const status = statusNameOf(problem?.cause);
  return status === undefined ? undefined : `The gRPC call ended with ${status}`;
}
