import { BodyTooLarge, Problem } from '#kit/errors/problem';
import type { RequestHandler } from '../downstream/client-stream';
import { sendContinueIfExpected } from '../downstream/exchange';
import { sendProblem } from '../downstream/problem-response';
import { pushInterimHead } from '../downstream/response-head';
import { completedResponse } from '../downstream/restored-addresses';
import type { HeaderList, IncomingResponse } from '../http1/message';
import { isEventStream } from '../http1/response-head';
import type { AttemptResult } from '../model/attempt';
import { CLIENT_CLOSED_REQUEST } from '../model/outcome';
import { serviceUnavailable, UpstreamBadResponse, UpstreamTimeout } from '../model/problems';
import { attemptResultOf, RETRIABLE_STATUSES } from '../upstream/attempt-result';
import { Attempts, RETRY_CHECK_MS } from '../upstream/attempts';
import { ConcurrencyPermit, type PermitHolder } from '../upstream/concurrency-permit';
import type { ForwardExchange } from '../upstream/forward-exchange';
import { isIdempotent, isRepeatable } from '../upstream/repeatable';
import { openTunnel } from '../upstream/tunnel';
import type { UpstreamEvents, UpstreamFailure, UpstreamRequest } from '../upstream/upstream-request';
import { type ResponseEvents, ResponseWriter } from './response-writer';

/**
 * The phases select, forward, respond and record of a forwarded request, driven by the events of both connections. A
 * class, because there is one for every forwarded request, and closures would be two dozen objects each.
 */
export class ForwardedRequest implements RequestHandler, UpstreamEvents, PermitHolder, ResponseEvents {
  private readonly isIdempotent: boolean;
  /** Idempotent, or made so by the key it carries. */
  private readonly isRepeatable: boolean;
  private readonly permit: ConcurrencyPermit;
  private readonly attempts: Attempts;
  private readonly writer: ResponseWriter;
  /** When the request was complete; negative before. */
  private completeAtMs = -1;
  /** Of the response, once its head is sent to the client, and what it says about the instance; 0 before. */
  private status = 0;
  private result: AttemptResult = 'answered';
  private bytesIn = 0;
  private releasePlace: (() => void) | null = null;
  private isOver = false;

  constructor(private readonly exchange: ForwardExchange) {
    const { client, context, decision } = exchange;
    const { head } = context.request;
    this.isIdempotent = isIdempotent(head);
    this.isRepeatable = isRepeatable(head, decision);
    this.permit = new ConcurrencyPermit(decision.breaker, client.deadline, this);
    this.attempts = new Attempts(exchange, this, this.isRepeatable);
    this.writer = new ResponseWriter(exchange, this);
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
    // Its head is here: it is slow, and relayed as it comes.
    if (this.attempts.relayHeld()) return;
    const { deadline } = this.exchange.client;
    const leftMs = this.timeLeftMs();
    if (leftMs <= 0) this.fail(new UpstreamTimeout(), 'timeout');
    // With an Idempotency-Key as well: the first attempt would still be processing it.
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
    if ((this.isRepeatable || result === 'unreachable') && this.retry(result)) return;
    if (result === 'unreachable') this.unavailable();
    else this.fail(new UpstreamBadResponse(), result);
  }

  // Respond: events of the upstream request.

  interim(from: UpstreamRequest, received: IncomingResponse) {
    const { context } = this.exchange;
    const response = completedResponse(this.exchange, received);
    if (response.status === 101) this.switchProtocols(from, response);
    else if (context.request.head.httpVersion === '1.1') pushInterimHead(this.exchange, response);
  }

  /** Progress extends the deadline of the attempt. */
  progressed() {
    if (this.status === 0 && this.completeAtMs >= 0 && !this.permit.isQueued)
      this.awaitHead(this.timeLeftMs());
  }

  responded(from: UpstreamRequest, received: IncomingResponse) {
    const { client, plan } = this.exchange;
    if (this.isRepeatable && RETRIABLE_STATUSES.has(received.status)) {
      const result = attemptResultOf(received);
      if (this.attempts.drop(from, result) || this.retry(result, received.status)) return;
    }
    // A response with a length has an end.
    const isStream = received.framing.kind !== 'length' && isEventStream(received);
    if (isStream && !this.takePlace()) return;
    this.commit(from, received);
    const response = completedResponse(this.exchange, received);
    if (isStream) from.attempt.detach();
    if (isStream) client.endWithClient();
    this.writer.begin(response, from.isWhole);
    plan.recorder?.begin(response);
    this.permit.release('responded');
  }

  /** From here on the request cannot be retried. */
  private commit(from: UpstreamRequest, response: IncomingResponse) {
    this.status = response.status;
    this.result = attemptResultOf(response);
    this.exchange.client.deadline.clear();
    this.attempts.commit(from);
    if (this.result === 'answered') from.attempt.answered(performance.now());
  }

  responseContent(bytes: Buffer, start: number, end: number) {
    this.writer.content(bytes, start, end);
    this.exchange.plan.recorder?.content(bytes, start, end);
  }

  responseFlush() {
    if (!this.writer.flush()) this.attempts.current?.pause();
  }

  drained() {
    this.writer.drained();
  }

  writerDrained() {
    this.attempts.current?.resume();
  }

  responseEnd(trailers: HeaderList) {
    this.exchange.plan.recorder?.end(trailers);
    this.writer.end(trailers);
    // The rest may still be compressed, but the instance has responded.
    if (!this.isOver) this.attempts.end(this.result);
  }

  written(keepAlive: boolean) {
    this.record(this.result);
    this.exchange.client.finish(keepAlive);
  }

  writingFailed(failure: Error) {
    const { context, dataPlane, client } = this.exchange;
    dataPlane.log.error({ err: failure, request_id: context.requestId }, 'compressing a response failed');
    this.record('abandoned');
    client.abort();
  }

  private switchProtocols(from: UpstreamRequest, response: IncomingResponse) {
    const { exchange } = this;
    if (!exchange.context.request.upgradesToWebSocket)
      return from.fail('malformed', 'The response switches to a protocol that was not requested');
    if (!this.takePlace()) return;
    this.commit(from, response);
    pushInterimHead(exchange, response);
    this.permit.release('responded');
    openTunnel(exchange, from, (bytes) => {
      this.bytesIn += bytes.fromClient;
      this.writer.bytesOut += bytes.fromUpstream;
      this.record('answered');
    });
  }

  /** A stream holds a place until it ends. False, and the request has failed, when it gets none. */
  private takePlace(): boolean {
    const { context, dataPlane } = this.exchange;
    const place = dataPlane.streamPlaces.take(context);
    if (place instanceof Problem) this.fail(place, 'abandoned');
    else this.releasePlace = place;
    return this.releasePlace !== null;
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
    this.releasePlace?.();
    this.permit.release(result === 'abandoned' ? 'unknown' : 'failed');
    this.attempts.end(result);
    this.writer.abandon();
    const { status, bytesIn, attempts: tries } = this;
    const { bytesOut } = this.writer;
    const { queuedMs } = this.permit;
    const { context, decision, dataPlane } = this.exchange;
    const { route, service } = decision;
    dataPlane.accessLog.end(context, { route, service, status, bytesIn, bytesOut, code, tries, queuedMs });
  }
}
