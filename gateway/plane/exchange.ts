import { BodyTooLarge, type Problem } from '#kit/problem';
import type { Attempt, Decision, HeaderList } from '../decision';
import { type BodyEncoder, createBodyEncoder } from '../http1/body-encoder';
import { CHUNKED, type Framing, NO_BODY, UNTIL_CLOSE } from '../http1/framing';
import type { IncomingResponse } from '../http1/response-head';
import { CLIENT_LEFT } from './access-log';
import { type ClientSide, connectionValue, mayKeepAlive, type RequestHandler } from './client-side';
import { interimHeadText, requestHeadText, responseHeadText, trailersFromClient } from './forwarded-headers';
import type { Plane } from './plane';
import { answerProblem } from './problem-answer';
import { RETRY_AFTER, ServiceUnavailable, UpstreamBadResponse, UpstreamTimeout } from './problems';
import { createReplay } from './replay';
import type { RequestContext } from './request-context';
import { openTunnel } from './tunnel';
import { startTry, type TryEvents, type TryFailure, type UpstreamTry } from './upstream-try';

type Forward = Extract<Decision, { kind: 'forward' }>;

/** RFC 9110, 9.2.2. */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);
const WORTH_ANOTHER_INSTANCE = new Set([502, 503, 504]);

/** Forwards one request: picks an instance, sends, tries another one where that is allowed, relays the response. */
export function forward(
  client: ClientSide,
  context: RequestContext,
  decision: Forward,
  plane: Plane,
): RequestHandler {
  const { request } = context;
  const { method, httpVersion } = request.head;
  const { limits } = decision;
  const idempotent = IDEMPOTENT.has(method);
  const tried = new Set<string>();
  const replay = createReplay(plane.limits.retryBodyBytes);
  let attempt: Attempt | null = null;
  let current: UpstreamTry | null = null;
  let encoder: BodyEncoder = createBodyEncoder(NO_BODY);
  let keepAlive = false;
  let tryStartedMs = 0;
  let headAfterMs: number | null = null;
  let waitingSinceMs: number | null = null;
  let status = 0;
  let bytesIn = 0;
  let bytesOut = 0;
  let retries = 0;
  let over = false;

  const events: TryEvents = {
    interim(response) {
      if (response.status === 101) switchProtocols(response);
      else if (httpVersion === '1.1') client.push(interimHeadText(response));
    },
    head(response) {
      if (WORTH_ANOTHER_INSTANCE.has(response.status) && idempotent && tryAnother()) return;
      respond(response);
    },
    content(span) {
      bytesOut += span.length;
      encoder.content(span, client.push);
    },
    flush() {
      if (!client.flush()) current?.pause();
    },
    end(trailers) {
      encoder.end(trailers, client.push);
      client.flush();
      conclude(status < 500);
      client.finish(keepAlive);
    },
    failed,
    drained: () => client.resume(),
  };

  function begin() {
    if (request.framing.kind === 'length' && request.framing.length > limits.bodyBytes) {
      fail(new BodyTooLarge());
      return;
    }
    const first = decision.pick(tried);
    if (first === null) {
      fail(new ServiceUnavailable({ headers: RETRY_AFTER }));
      return;
    }
    if (request.expectsContinue) {
      client.push('HTTP/1.1 100 Continue\r\n\r\n');
      client.flush();
    }
    send(first);
  }

  function send(next: Attempt, fresh = false) {
    attempt = next;
    tried.add(next.instanceId);
    tryStartedMs = performance.now();
    headAfterMs = null;
    const headText = requestHeadText(context, decision.target, `${next.host}:${next.port}`);
    current = startTry(next, { method, headText, framing: request.framing }, events, plane, fresh);
    if (current === null) {
      failed('unreachable');
      return;
    }
    const flushed = replay.into(current);
    if (!flushed) client.pause();
    else client.resume();
    if (waitingSinceMs !== null) awaitHead();
  }

  /** A try may take `tryTimeoutMs`, all of them together `requestTimeoutMs`, counted from the request's last byte. */
  function awaitHead() {
    waitingSinceMs ??= performance.now();
    client.deadline.set(Math.min(limits.tryTimeoutMs, timeLeftMs()));
  }

  const timeLeftMs = () =>
    limits.requestTimeoutMs - (performance.now() - (waitingSinceMs ?? performance.now()));

  /** Leaves the current try for another instance; false when there is none, or it must not be. */
  function tryAnother(): boolean {
    if (!replay.possible || (retries === 0 && !plane.retryBudget.take())) return false;
    const next = decision.pick(tried);
    if (next === null) {
      if (retries === 0) plane.retryBudget.give();
      return false;
    }
    current?.abandon();
    endAttempt(false);
    retries++;
    send(next);
    return true;
  }

  function failed(failure: TryFailure) {
    if (status !== 0) {
      conclude(false);
      client.abort();
      return;
    }
    if (failure === 'stale' && idempotent && replay.possible && attempt !== null) {
      send(attempt, true);
      return;
    }
    // Where there was no connection, the instance has seen nothing: any method may go to another one.
    if ((idempotent || failure === 'unreachable') && tryAnother()) return;
    if (failure === 'unreachable') fail(new ServiceUnavailable({ headers: RETRY_AFTER }));
    else fail(new UpstreamBadResponse());
  }

  function respond(response: IncomingResponse) {
    client.deadline.clear();
    replay.forget();
    status = response.status;
    headAfterMs = performance.now() - tryStartedMs;
    const framing = framingForClient(response.framing);
    keepAlive = mayKeepAlive(request, client, plane.draining()) && framing.kind !== 'until-close';
    encoder = createBodyEncoder(framing);
    client.push(responseHeadText(response, context, framing, connectionValue(request, keepAlive)));
  }

  /** HTTP/1.0 knows no chunks; to others a body of unknown length goes in chunks, so that its end can be told from a break. */
  function framingForClient(framing: Framing): Framing {
    if (framing.kind === 'none' || framing.kind === 'length') return framing;
    return httpVersion === '1.1' ? CHUNKED : UNTIL_CLOSE;
  }

  function switchProtocols(response: IncomingResponse) {
    if (!request.upgradesToWebSocket || current === null) {
      current?.abandon();
      failed('malformed');
      return;
    }
    client.deadline.clear();
    status = response.status;
    client.push(interimHeadText(response));
    openTunnel(client, current, plane, (bytes) => {
      bytesIn += bytes.fromClient;
      bytesOut += bytes.fromUpstream;
      conclude(true);
    });
  }

  function fail(problem: Problem) {
    current?.abandon();
    status = problem.status;
    // Counted before the answer ends this request on the connection: the next one may begin within it.
    conclude(false, problem.code);
    answerProblem(client, context, problem, plane);
  }

  function tooLarge() {
    if (status === 0) {
      fail(new BodyTooLarge());
      return;
    }
    current?.abandon();
    conclude(true, BodyTooLarge.code);
    client.abort();
  }

  function endAttempt(ok: boolean) {
    attempt?.done({ ok, latencyMs: headAfterMs ?? performance.now() - tryStartedMs });
    attempt = null;
  }

  function conclude(ok: boolean, code?: string) {
    if (over) return;
    over = true;
    const instanceId = attempt?.instanceId;
    endAttempt(ok);
    if (retries > 0) plane.retryBudget.give();
    plane.accessLog.end(context, {
      route: decision.route,
      status,
      bytesIn,
      bytesOut,
      retries,
      instanceId,
      code,
    });
  }

  begin();

  return {
    content(span) {
      if (over) return;
      bytesIn += span.length;
      if (bytesIn > limits.bodyBytes) {
        tooLarge();
        return;
      }
      if (status === 0) replay.keep(span);
      current?.content(span);
    },
    flush() {
      if (!over && current?.flush() === false) client.pause();
    },
    end(trailers: HeaderList) {
      if (over) return;
      const passing = trailers.length === 0 ? trailers : trailersFromClient(trailers);
      replay.end(passing);
      current?.end(passing);
      current?.flush();
      if (status === 0) awaitHead();
    },
    drained: () => current?.resume(),
    gone() {
      if (over) return;
      current?.abandon();
      status = CLIENT_LEFT;
      // The instance is not to blame.
      conclude(true);
    },
    timeUp() {
      if (over || status !== 0) return;
      const out = timeLeftMs() <= 0;
      if (!out && idempotent && tryAnother()) return;
      if (out) fail(new UpstreamTimeout());
      else client.deadline.set(timeLeftMs());
    },
  };
}
