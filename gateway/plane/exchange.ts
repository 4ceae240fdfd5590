import { BodyTooLarge, type Problem } from '#kit/problem';
import type { Attempt, Decision, HeaderList, TryResult } from '../decision';
import { type RoutedTry, withRetry } from '../explain/routed-tries';
import { type BodyEncoder, createBodyEncoder } from '../http1/body-encoder';
import { framingForClient, NO_BODY } from '../http1/framing';
import { type IncomingResponse, isEventStream } from '../http1/response-head';
import { CLIENT_LEFT } from './access-log';
import {
  type ClientSide,
  connectionValue,
  continueIfExpected,
  mayKeepAlive,
  type RequestHandler,
} from './client-side';
import { interimHeadText, requestHeadText, responseHeadText, trailersFromClient } from './forwarded-headers';
import type { Plane } from './plane';
import { answerProblem } from './problem-answer';
import { RETRY_AFTER, ServiceUnavailable, UpstreamBadResponse, UpstreamTimeout } from './problems';
import { createReplay, type Replay } from './replay';
import type { RequestContext } from './request-context';
import { openTunnel } from './tunnel';
import { startTry, type TryEvents, type TryFailure, type UpstreamTry } from './upstream-try';

type Forward = Extract<Decision, { kind: 'forward' }>;

/** RFC 9110, 9.2.2. */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);
const WORTH_ANOTHER_INSTANCE = new Set([502, 503, 504]);
const NONE_TRIED: ReadonlySet<string> = new Set();

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
class Exchange implements RequestHandler, TryEvents {
  private readonly idempotent: boolean;
  /** Null for a request without a body: it can always be sent again. */
  private readonly replay: Replay | null;
  private tried: Set<string> | null = null;
  /** All tries, when there is more than one. */
  private tries: RoutedTry[] | null = null;
  private attempt: Attempt | null = null;
  private current: UpstreamTry | null = null;
  private encoder: BodyEncoder = createBodyEncoder(NO_BODY);
  private keepAlive = false;
  private tryStartedMs = 0;
  private headAfterMs = -1;
  private waitingSinceMs = -1;
  /** Of the response, once its head is written to the client; 0 before. */
  private status = 0;
  private bytesIn = 0;
  private bytesOut = 0;
  private retries = 0;
  private over = false;

  constructor(
    private readonly client: ClientSide,
    private readonly context: RequestContext,
    private readonly decision: Forward,
    private readonly plane: Plane,
  ) {
    const { head, framing } = context.request;
    this.idempotent = IDEMPOTENT.has(head.method);
    this.replay = framing.kind === 'none' ? null : createReplay(plane.limits.retryBodyBytes);
  }

  begin() {
    const { framing } = this.context.request;
    if (framing.kind === 'length' && framing.length > this.decision.limits.bodyBytes) {
      this.fail(new BodyTooLarge(), 'abandoned');
      return;
    }
    const first = this.decision.pick(NONE_TRIED);
    if (first === null) {
      this.fail(new ServiceUnavailable({ headers: RETRY_AFTER }), 'unreachable');
      return;
    }
    continueIfExpected(this.client, this.context.request);
    this.send(first, this.context.startedMs, false);
  }

  private send(next: Attempt, nowMs: number, fresh: boolean) {
    const { request } = this.context;
    this.attempt = next;
    this.tryStartedMs = nowMs;
    this.headAfterMs = -1;
    const headText = requestHeadText(this.context, this.decision.target, next);
    const { method } = request.head;
    const { pool } = this.plane;
    this.current = startTry(next, { method, headText, framing: request.framing }, this, pool, fresh);
    if (this.current === null) {
      this.failed('unreachable');
      return;
    }
    // The first time the head goes out together with what came in the same packet, at `flush` or `end`.
    const flushed = this.replay?.into(this.current) ?? (this.waitingSinceMs < 0 || this.current.flush());
    if (flushed) this.client.resume();
    else this.client.pause();
    if (this.waitingSinceMs >= 0) this.awaitHead();
  }

  /** A try may take `tryTimeoutMs`, all of them together `requestTimeoutMs`, counted from the request's last byte. */
  private awaitHead() {
    const { tryTimeoutMs } = this.decision.limits;
    this.client.deadline.set(Math.min(tryTimeoutMs, this.timeLeftMs()));
  }

  private timeLeftMs(): number {
    return this.decision.limits.requestTimeoutMs - (performance.now() - this.waitingSinceMs);
  }

  /** Leaves the current try for another instance; false when there is none, or it must not be. */
  private tryAnother(result: TryResult, status = 0): boolean {
    const { retryBudget } = this.plane;
    if (this.replay?.possible === false || (this.retries === 0 && !retryBudget.take())) return false;
    this.tried ??= new Set();
    if (this.attempt !== null) this.tried.add(this.attempt.instanceId);
    const next = this.decision.pick(this.tried);
    if (next === null) {
      if (this.retries === 0) retryBudget.give();
      return false;
    }
    this.current?.abandon();
    if (this.attempt) this.tries = withRetry(this.tries, this.attempt, status, next, retryBudget);
    this.endAttempt(result);
    this.retries++;
    this.send(next, performance.now(), false);
    return true;
  }

  // What the try tells.

  interim(response: IncomingResponse) {
    if (response.status === 101) this.switchProtocols(response);
    else if (this.context.request.head.httpVersion === '1.1') this.client.push(interimHeadText(response));
  }

  responded(response: IncomingResponse) {
    if (
      this.idempotent &&
      WORTH_ANOTHER_INSTANCE.has(response.status) &&
      this.tryAnother('unavailable', response.status)
    )
      return;
    const { client, context } = this;
    client.deadline.clear();
    this.replay?.forget();
    this.status = response.status;
    this.headAfterMs = performance.now() - this.tryStartedMs;
    const framing = framingForClient(response.framing, context.request.head.httpVersion);
    this.keepAlive =
      mayKeepAlive(context.request, client, this.plane.draining()) && framing.kind !== 'until-close';
    this.encoder = createBodyEncoder(framing);
    // One whose length is said has an end.
    if (framing.kind !== 'length' && isEventStream(response)) this.attempt?.detach();
    client.push(
      responseHeadText(response, context, framing, connectionValue(context.request, this.keepAlive)),
    );
  }

  responseContent(bytes: Buffer, start: number, end: number) {
    this.bytesOut += end - start;
    this.encoder.content(bytes, start, end, this.client);
  }

  responseFlush() {
    if (!this.client.flush()) this.current?.pause();
  }

  responseEnd(trailers: HeaderList) {
    this.encoder.end(trailers, this.client);
    this.client.flush();
    this.conclude(resultOf(this.status));
    this.client.finish(this.keepAlive);
  }

  failed(failure: TryFailure) {
    if (this.status !== 0) {
      this.conclude('broken');
      this.client.abort();
      return;
    }
    if (failure === 'stale' && this.idempotent && this.replay?.possible !== false && this.attempt !== null) {
      this.send(this.attempt, performance.now(), true);
      return;
    }
    // Where there was no connection, the instance has seen nothing: any method may go to another one.
    const result = failure === 'unreachable' ? 'unreachable' : 'broken';
    if ((this.idempotent || result === 'unreachable') && this.tryAnother(result)) return;
    if (result === 'unreachable') this.fail(new ServiceUnavailable({ headers: RETRY_AFTER }), result);
    else this.fail(new UpstreamBadResponse(), result);
  }

  upstreamDrained() {
    this.client.resume();
  }

  private switchProtocols(response: IncomingResponse) {
    if (!this.context.request.upgradesToWebSocket || this.current === null) {
      this.current?.abandon();
      this.failed('malformed');
      return;
    }
    this.client.deadline.clear();
    this.status = response.status;
    this.client.push(interimHeadText(response));
    this.attempt?.detach();
    openTunnel(this.client, this.current, this.plane, (bytes) => {
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
    if (this.status === 0) this.replay?.keep(bytes, start, end);
    this.current?.send(bytes, start, end);
  }

  flush() {
    if (!this.over && this.current?.flush() === false) this.client.pause();
  }

  end(trailers: HeaderList) {
    if (this.over) return;
    const passing = trailers.length === 0 ? trailers : trailersFromClient(trailers);
    this.replay?.end(passing);
    this.current?.end(passing);
    this.current?.flush();
    if (this.status !== 0) return;
    this.waitingSinceMs = performance.now();
    this.awaitHead();
  }

  drained() {
    this.current?.resume();
  }

  gone() {
    if (this.over) return;
    this.current?.abandon();
    this.status = CLIENT_LEFT;
    this.conclude('abandoned');
  }

  refuse(problem: Problem) {
    if (this.over) return;
    this.current?.abandon();
    const begun = this.status !== 0;
    if (!begun) this.status = problem.status;
    // The instance is not to blame: clients could have it ejected.
    this.conclude('abandoned', problem.code);
    if (begun) this.client.abort();
    else answerProblem(this.client, this.context, problem, this.plane);
  }

  timeUp() {
    if (this.over || this.status !== 0) return;
    const isOut = this.timeLeftMs() <= 0;
    if (!isOut && this.idempotent && this.tryAnother('timeout')) return;
    if (isOut) this.fail(new UpstreamTimeout(), 'timeout');
    else this.client.deadline.set(this.timeLeftMs());
  }

  // How it ends.

  private fail(problem: Problem, result: TryResult) {
    this.current?.abandon();
    this.status = problem.status;
    // Counted before the answer ends this request on the connection: the next one may begin within it.
    this.conclude(result, problem.code);
    answerProblem(this.client, this.context, problem, this.plane);
  }

  private endAttempt(result: TryResult) {
    const latencyMs = this.headAfterMs < 0 ? performance.now() - this.tryStartedMs : this.headAfterMs;
    this.attempt?.done(result, latencyMs);
    this.attempt = null;
  }

  private conclude(result: TryResult, code?: string) {
    if (this.over) return;
    this.over = true;
    const { status, bytesIn, bytesOut, retries, attempt, tries } = this;
    this.endAttempt(result);
    if (retries > 0) this.plane.retryBudget.give();
    const { route, service } = this.decision;
    const outcome = { route, service, status, bytesIn, bytesOut, retries, attempt, tries, code };
    this.plane.accessLog.end(this.context, outcome);
  }
}

function resultOf(status: number): TryResult {
  if (status < 500) return 'answered';
  return WORTH_ANOTHER_INSTANCE.has(status) ? 'unavailable' : 'application-error';
}
