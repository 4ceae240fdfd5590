import { BodyTooLarge, type Problem } from '#kit/errors/problem';
import {
  type ClientSide,
  connectionValue,
  continueIfExpected,
  mayKeepAlive,
  type RequestHandler,
} from '../downstream/client-stream';
import { answerProblem } from '../downstream/problem-response';
import { interimHeadText, responseHeadText, trailersFromUpstream } from '../downstream/response-head';
import { type BodyEncoder, createBodyEncoder } from '../http1/body-encoder';
import { framingForClient, NO_BODY } from '../http1/framing';
import type { HeaderList, IncomingResponse } from '../http1/message';
import { isEventStream } from '../http1/response-head';
import type { TryResult } from '../model/attempt';
import type { Forward } from '../model/decision';
import { CLIENT_CLOSED_REQUEST } from '../model/outcome';
import { serviceUnavailable, UpstreamBadResponse, UpstreamTimeout } from '../model/problems';
import type { RequestContext } from '../model/request-context';
import { resultOf, WORTH_ANOTHER_INSTANCE } from '../upstream/attempt-result';
import { Tries } from '../upstream/attempts';
import { Place, type Placed } from '../upstream/concurrency-permit';
import { openTunnel } from '../upstream/tunnel';
import type { TryEvents, TryFailure, UpstreamTry } from '../upstream/upstream-request';
import type { Plane } from './data-plane';

/** RFC 9110, 9.2.2. */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);
/** A try whose time is up, and which finds the retry budget spent, is waited for a little longer. */
const ASK_AGAIN_MS = 200;

/** Forwards one request: picks an instance, sends, tries another one where that is allowed, relays the response. */
export function forward(
  client: ClientSide,
  context: RequestContext,
  decision: Forward,
  plane: Plane,
): RequestHandler {
  const exchange = new Exchange(client, context, decision, plane);
  exchange.begin();
  return exchange;
}

/**
 * A request and what becomes of it, heard from both sides. A class where the rest is closures: there is one for every
 * request, and closures would be two dozen objects for each.
 */
class Exchange implements RequestHandler, TryEvents, Placed {
  private readonly idempotent: boolean;
  private readonly place: Place;
  private readonly tries: Tries;
  private encoder: BodyEncoder = createBodyEncoder(NO_BODY);
  private keepAlive = false;
  /** Since when the whole request is here; negative before. */
  private waitingSinceMs = -1;
  /** Of the response, once its head is written to the client; 0 before. */
  private status = 0;
  private bytesIn = 0;
  private bytesOut = 0;
  private over = false;

  constructor(
    private readonly client: ClientSide,
    private readonly context: RequestContext,
    private readonly decision: Forward,
    private readonly plane: Plane,
  ) {
    this.idempotent = IDEMPOTENT.has(context.request.head.method);
    this.place = new Place(decision.breaker, client.deadline, this);
    this.tries = new Tries(this, client, context, decision, plane, this.idempotent);
  }

  begin() {
    const { framing } = this.context.request;
    if (framing.kind === 'length' && framing.length > this.decision.limits.bodyBytes)
      this.fail(new BodyTooLarge(), 'abandoned');
    else this.place.enter();
  }

  start() {
    if (!this.tries.begin()) {
      this.unavailable();
      return;
    }
    continueIfExpected(this.client, this.context.request);
    if (this.waitingSinceMs < 0) return;
    // It has become whole in the queue.
    this.place.take();
    this.awaitHead(this.timeLeftMs());
  }

  unavailable() {
    this.fail(serviceUnavailable(this.decision.breaker.retryAfterSeconds()), 'unreachable');
  }

  /** A try may take `tryTimeoutMs`, all of them together `requestTimeoutMs`, counted from the request's last byte. */
  private awaitHead(leftMs: number) {
    this.client.deadline.set(Math.min(this.decision.limits.tryTimeoutMs, leftMs));
  }

  private timeLeftMs(): number {
    return this.decision.limits.requestTimeoutMs - (performance.now() - this.waitingSinceMs);
  }

  private tryAnother(result: TryResult, status = 0): boolean {
    if (!this.tries.another(result, status)) return false;
    if (this.waitingSinceMs >= 0) this.awaitHead(this.timeLeftMs());
    return true;
  }

  // What a try tells.

  interim(from: UpstreamTry, response: IncomingResponse) {
    if (response.status === 101) this.switchProtocols(from, response);
    else if (this.context.request.head.httpVersion === '1.1')
      this.client.push(interimHeadText(response, this.context));
  }

  responded(from: UpstreamTry, response: IncomingResponse) {
    const { client, context, tries } = this;
    const { status } = response;
    if (this.idempotent && WORTH_ANOTHER_INSTANCE.has(status)) {
      if (tries.dropOne(from, 'unavailable') || this.tryAnother('unavailable', status)) return;
    }
    this.answerBegins(from, status);
    const framing = framingForClient(response.framing, context.request.head.httpVersion);
    this.keepAlive =
      mayKeepAlive(context.request, client, this.plane.draining()) && framing.kind !== 'until-close';
    this.encoder = createBodyEncoder(framing);
    // One whose length is said has an end.
    if (framing.kind !== 'length' && isEventStream(response)) from.attempt.detach();
    client.push(
      responseHeadText(response, context, framing, connectionValue(context.request, this.keepAlive)),
    );
    context.recorder?.begin(response);
    this.place.leave('answered');
  }

  /** From here on nothing can be sent again. */
  private answerBegins(from: UpstreamTry, status: number) {
    this.status = status;
    this.client.deadline.clear();
    this.tries.choose(from);
    if (status < 500) from.attempt.answered(performance.now());
  }

  responseContent(bytes: Buffer, start: number, end: number) {
    this.bytesOut += end - start;
    this.encoder.content(bytes, start, end, this.client);
    this.context.recorder?.content(bytes, start, end);
  }

  responseFlush() {
    if (!this.client.flush()) this.tries.current?.pause();
  }

  responseEnd(trailers: HeaderList) {
    this.encoder.end(trailersFromUpstream(trailers), this.client);
    this.client.flush();
    this.context.recorder?.end(trailers);
    this.conclude(resultOf(this.status));
    this.client.finish(this.keepAlive);
  }

  failed(from: UpstreamTry, failure: TryFailure) {
    if (this.status !== 0) {
      this.conclude('broken');
      this.client.abort();
      return;
    }
    if (failure === 'stale' && this.tries.afresh(from)) return;
    const result = failure === 'unreachable' ? 'unreachable' : 'broken';
    if (this.tries.dropOne(from, result)) return;
    // Where there was no connection, the instance has seen nothing: any method may go to another one.
    if ((this.idempotent || result === 'unreachable') && this.tryAnother(result)) return;
    if (result === 'unreachable') this.unavailable();
    else this.fail(new UpstreamBadResponse(), result);
  }

  upstreamDrained() {
    this.client.resume();
  }

  private switchProtocols(from: UpstreamTry, response: IncomingResponse) {
    if (!this.context.request.upgradesToWebSocket) {
      from.abandon();
      this.failed(from, 'malformed');
      return;
    }
    this.answerBegins(from, response.status);
    this.client.push(interimHeadText(response, this.context));
    from.attempt.detach();
    this.place.leave('answered');
    openTunnel(this.client, from, this.plane, (bytes) => {
      this.bytesIn += bytes.fromClient;
      this.bytesOut += bytes.fromUpstream;
      this.conclude('answered');
    });
  }

  // What the client's connection tells.

  content(bytes: Buffer, start: number, end: number) {
    if (this.over) return;
    this.bytesIn += end - start;
    if (this.bytesIn > this.decision.limits.bodyBytes) {
      this.refuse(new BodyTooLarge());
      return;
    }
    this.tries.content(bytes, start, end);
  }

  flush() {
    if (this.over) return;
    if (this.place.queued || !this.tries.flush()) this.client.pause();
  }

  end() {
    if (this.over) return;
    this.tries.bodyEnd();
    if (this.status !== 0) return;
    this.waitingSinceMs = performance.now();
    if (this.place.queued) return;
    this.place.take();
    const { hedgeMs, requestTimeoutMs } = this.decision.limits;
    this.awaitHead(requestTimeoutMs);
    if (hedgeMs > 0) this.tries.hedgeAfter(hedgeMs);
  }

  drained() {
    this.tries.current?.resume();
  }

  gone() {
    if (this.over) return;
    this.status = CLIENT_CLOSED_REQUEST;
    this.conclude('abandoned');
  }

  refuse(problem: Problem) {
    if (this.over) return;
    const begun = this.status !== 0;
    if (!begun) this.status = problem.status;
    // The instance is not to blame: clients could have it ejected.
    this.conclude('abandoned', problem.code);
    if (begun) this.client.abort();
    else answerProblem(this.client, this.context, problem, this.plane);
  }

  timeUp() {
    if (this.over || this.status !== 0) return;
    if (this.place.queued) {
      this.unavailable();
      return;
    }
    const leftMs = this.timeLeftMs();
    if (leftMs <= 0) this.fail(new UpstreamTimeout(), 'timeout');
    else if (!this.idempotent) this.client.deadline.set(leftMs);
    else if (!this.tryAnother('timeout')) this.client.deadline.set(Math.min(leftMs, ASK_AGAIN_MS));
  }

  // How it ends.

  private fail(problem: Problem, result: TryResult) {
    this.status = problem.status;
    // Counted before the answer ends this request on the connection: the next one may begin within it.
    this.conclude(result, problem.code);
    answerProblem(this.client, this.context, problem, this.plane);
  }

  private conclude(result: TryResult, code?: string) {
    if (this.over) return;
    this.over = true;
    this.place.leave(result === 'abandoned' ? 'unknown' : 'failed');
    this.tries.end(result);
    const { status, bytesIn, bytesOut } = this;
    const { queuedMs } = this.place;
    const { route, service } = this.decision;
    const { tries } = this;
    const ended = { route, service, status, bytesIn, bytesOut, code, tries, queuedMs };
    this.plane.accessLog.end(this.context, ended);
  }
}
