import { BodyTooLarge, type Problem } from '#kit/errors/problem';
import type { RequestHandler } from '../downstream/client-stream';
import { canKeepAlive, connectionValue, sendContinueIfExpected } from '../downstream/exchange';
import { sendProblem } from '../downstream/problem-response';
import { interimHeadText, responseHeadText } from '../downstream/response-head';
import { completedResponse } from '../downstream/restored-addresses';
import { type BodyEncoder, createBodyEncoder } from '../http1/body-encoder';
import { framingForClient, NO_BODY } from '../http1/framing';
import type { HeaderList, IncomingResponse } from '../http1/message';
import { isEventStream } from '../http1/response-head';
import type { AttemptResult } from '../model/attempt';
import { forwardedTrailers } from '../model/forwarded-fields';
import { CLIENT_CLOSED_REQUEST } from '../model/outcome';
import { serviceUnavailable, UpstreamBadResponse, UpstreamTimeout } from '../model/problems';
import { attemptResultOf, RETRIABLE_STATUSES } from '../upstream/attempt-result';
import { Attempts } from '../upstream/attempts';
import { ConcurrencyPermit, type PermitHolder } from '../upstream/concurrency-permit';
import type { ForwardExchange } from '../upstream/forward-exchange';
import { openTunnel } from '../upstream/tunnel';
import type { UpstreamEvents, UpstreamFailure, UpstreamRequest } from '../upstream/upstream-request';

/** RFC 9110, 9.2.2. */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);
/** A timed-out attempt that finds the retry budget spent continues this long before the next check. */
const RETRY_CHECK_MS = 200;

/**
 * The phases select, forward, respond and record of a forwarded request, driven by the events of both connections. A
 * class, because there is one for every forwarded request, and closures would be two dozen objects each.
 */
export class ForwardedRequest implements RequestHandler, UpstreamEvents, PermitHolder {
  private readonly isIdempotent: boolean;
  private readonly permit: ConcurrencyPermit;
  private readonly attempts: Attempts;
  private encoder: BodyEncoder = createBodyEncoder(NO_BODY);
  private keepAlive = false;
  /** When the request was complete; negative before. */
  private completeAtMs = -1;
  /** Status of the response, once its head is sent to the client; 0 before. */
  private status = 0;
  private bytesIn = 0;
  private bytesOut = 0;
  private isOver = false;

  constructor(private readonly exchange: ForwardExchange) {
    const { client, context, decision } = exchange;
    this.isIdempotent = IDEMPOTENT.has(context.request.head.method);
    this.permit = new ConcurrencyPermit(decision.breaker, client.deadline, this);
    this.attempts = new Attempts(exchange, this, this.isIdempotent);
  }

  // Select: a permit of the service, then an instance.

  begin(): this {
    const { context, decision } = this.exchange;
    const { framing } = context.request;
    if (framing.kind === 'length' && framing.length > decision.limits.bodyBytes)
      this.fail(new BodyTooLarge(), 'abandoned');
    else this.permit.request();
    return this;
  }

  start() {
    if (!this.attempts.begin()) {
      this.unavailable();
      return;
    }
    sendContinueIfExpected(this.exchange);
    if (this.completeAtMs < 0) return;
    // The request was completed in the queue.
    this.permit.acquire();
    this.awaitHead(this.timeLeftMs());
  }

  unavailable() {
    this.fail(serviceUnavailable(this.exchange.decision.breaker.retryAfterSeconds()), 'unreachable');
  }

  // Forward: events of the client's connection.

  content(bytes: Buffer, start: number, end: number) {
    if (this.isOver) return;
    this.bytesIn += end - start;
    if (this.bytesIn > this.exchange.decision.limits.bodyBytes) {
      this.reject(new BodyTooLarge());
      return;
    }
    this.attempts.content(bytes, start, end);
  }

  flush() {
    if (this.isOver) return;
    if (this.permit.isQueued || !this.attempts.flush()) this.exchange.client.pause();
  }

  end() {
    if (this.isOver) return;
    this.attempts.bodyEnd();
    if (this.status !== 0) return;
    this.completeAtMs = performance.now();
    if (this.permit.isQueued) return;
    this.permit.acquire();
    const { hedgeMs, requestTimeoutMs } = this.exchange.decision.limits;
    this.awaitHead(requestTimeoutMs);
    if (hedgeMs > 0) this.attempts.hedgeAfter(hedgeMs);
  }

  /** An attempt may take `tryTimeoutMs`, all of them together `requestTimeoutMs`, from the request's last byte. */
  private awaitHead(leftMs: number) {
    const { client, decision } = this.exchange;
    client.deadline.set(Math.min(decision.limits.tryTimeoutMs, leftMs));
  }

  private timeLeftMs(): number {
    return this.exchange.decision.limits.requestTimeoutMs - (performance.now() - this.completeAtMs);
  }

  timedOut() {
    if (this.isOver || this.status !== 0) return;
    if (this.permit.isQueued) {
      this.unavailable();
      return;
    }
    const { deadline } = this.exchange.client;
    const leftMs = this.timeLeftMs();
    if (leftMs <= 0) this.fail(new UpstreamTimeout(), 'timeout');
    else if (!this.isIdempotent) deadline.set(leftMs);
    else if (!this.retry('timeout')) deadline.set(Math.min(leftMs, RETRY_CHECK_MS));
  }

  private retry(result: AttemptResult, status = 0): boolean {
    if (!this.attempts.retry(result, status)) return false;
    if (this.completeAtMs >= 0) this.awaitHead(this.timeLeftMs());
    return true;
  }

  upstreamDrained() {
    this.exchange.client.resume();
  }

  failed(from: UpstreamRequest, failure: UpstreamFailure) {
    if (this.status !== 0) {
      this.record('broken');
      this.exchange.client.abort();
      return;
    }
    if (failure === 'stale' && this.attempts.resend(from)) return;
    const result = failure === 'unreachable' ? 'unreachable' : 'broken';
    if (this.attempts.drop(from, result)) return;
    // Without a connection the instance has received nothing: any method may be retried.
    if ((this.isIdempotent || result === 'unreachable') && this.retry(result)) return;
    if (result === 'unreachable') this.unavailable();
    else this.fail(new UpstreamBadResponse(), result);
  }

  // Respond: events of the upstream request.

  interim(from: UpstreamRequest, received: IncomingResponse) {
    const { client, context } = this.exchange;
    const response = completedResponse(this.exchange, received);
    if (response.status === 101) this.switchProtocols(from, response);
    else if (context.request.head.httpVersion === '1.1')
      client.push(interimHeadText(this.exchange, response));
  }

  responded(from: UpstreamRequest, received: IncomingResponse) {
    const { exchange, attempts } = this;
    const { client, context, plan } = exchange;
    const { status } = received;
    if (this.isIdempotent && RETRIABLE_STATUSES.has(status)) {
      if (attempts.drop(from, 'unavailable') || this.retry('unavailable', status)) return;
    }
    this.commit(from, status);
    const response = completedResponse(exchange, received);
    const framing = framingForClient(response.framing, context.request.head.httpVersion);
    this.keepAlive = canKeepAlive(exchange) && framing.kind !== 'until-close';
    this.encoder = createBodyEncoder(framing);
    // A response with a length has an end.
    if (framing.kind !== 'length' && isEventStream(response)) {
      from.attempt.detach();
      client.endWithClient();
    }
    client.push(responseHeadText(exchange, response, framing, connectionValue(exchange, this.keepAlive)));
    plan.recorder?.begin(response);
    this.permit.release('responded');
  }

  /** From here on the request cannot be retried. */
  private commit(from: UpstreamRequest, status: number) {
    this.status = status;
    this.exchange.client.deadline.clear();
    this.attempts.commit(from);
    if (status < 500) from.attempt.answered(performance.now());
  }

  responseContent(bytes: Buffer, start: number, end: number) {
    const { client, plan } = this.exchange;
    this.bytesOut += end - start;
    this.encoder.content(bytes, start, end, client);
    plan.recorder?.content(bytes, start, end);
  }

  responseFlush() {
    if (!this.exchange.client.flush()) this.attempts.current?.pause();
  }

  drained() {
    this.attempts.current?.resume();
  }

  responseEnd(trailers: HeaderList) {
    const { client, plan } = this.exchange;
    this.encoder.end(forwardedTrailers(trailers), client);
    client.flush();
    plan.recorder?.end(trailers);
    this.record(attemptResultOf(this.status));
    client.finish(this.keepAlive);
  }

  private switchProtocols(from: UpstreamRequest, response: IncomingResponse) {
    const { exchange } = this;
    if (!exchange.context.request.upgradesToWebSocket) {
      from.cancel();
      this.failed(from, 'malformed');
      return;
    }
    this.commit(from, response.status);
    exchange.client.push(interimHeadText(exchange, response));
    from.attempt.detach();
    this.permit.release('responded');
    openTunnel(exchange, from, (bytes) => {
      this.bytesIn += bytes.fromClient;
      this.bytesOut += bytes.fromUpstream;
      this.record('answered');
    });
  }

  disconnected() {
    if (this.isOver) return;
    this.status = CLIENT_CLOSED_REQUEST;
    this.record('abandoned');
  }

  reject(problem: Problem) {
    if (this.isOver) return;
    const hasBegun = this.status !== 0;
    if (!hasBegun) this.status = problem.status;
    // Not a failure of the instance: otherwise clients could cause its ejection.
    this.record('abandoned', problem.code);
    if (hasBegun) this.exchange.client.abort();
    else sendProblem(this.exchange, problem);
  }

  private fail(problem: Problem, result: AttemptResult) {
    this.status = problem.status;
    // Recorded before the response ends this request: the next one on the connection may begin within it.
    this.record(result, problem.code);
    sendProblem(this.exchange, problem);
  }

  // Record.

  private record(result: AttemptResult, code?: string) {
    if (this.isOver) return;
    this.isOver = true;
    this.permit.release(result === 'abandoned' ? 'unknown' : 'failed');
    this.attempts.end(result);
    const { status, bytesIn, bytesOut, attempts: tries } = this;
    const { queuedMs } = this.permit;
    const { context, decision, dataPlane } = this.exchange;
    const { route, service } = decision;
    dataPlane.accessLog.end(context, { route, service, status, bytesIn, bytesOut, code, tries, queuedMs });
  }
}
