import { InternalError, type Problem } from '#kit/errors/problem';
import { contentCodingProblem } from '#kit/http/body/admission';
import type { AdmissionDecision } from '../admission/admission';
import { sendCacheHit } from '../downstream/cache-hit-response';
import type { ClientStream, RequestHandler } from '../downstream/client-stream';
import { respondLocally } from '../downstream/local-response';
import { sendOptions } from '../downstream/options-response';
import { sendProblem } from '../downstream/problem-response';
import { listOf } from '../http1/field-lines';
import type { IncomingRequest } from '../http1/message';
import type { Decision, LocalDecision, TranscodeDecision } from '../model/decision';
import { LOCAL_ROUTE } from '../model/outcome';
import { LoopDetected, UpstreamTimeout } from '../model/problems';
import { isLoop } from '../model/via';
import { type DataPlane, isDecided, type ProxyExchange } from './data-plane';
import { ForwardedRequest } from './forwarded-request';
import { awaitAdmission } from './pending-admission';
import { createRequestContext } from './request-context';

/**
 * The phases of a request:
 *
 * 1. read: its head, and what is known about it from the connection (`createRequestContext`)
 * 2. route: the service, or the gateway itself (`routing/decide`)
 * 3. admit: CORS, rate limits, response cache (`admission/`)
 * 4. select: a permit of the service and one of its instances
 * 5. forward: the request to that instance, with retries and hedges
 * 6. respond: relay the response to the client
 * 7. record: access log, metrics, span, recent requests (`observability/`)
 *
 * Phases 1 to 3 are below. Phases 4 to 7 of a forwarded request follow its events (`ForwardedRequest`); a response of the
 * gateway itself has phases 6 and 7 only.
 */
export function handleRequest(
  client: ClientStream,
  request: IncomingRequest,
  dataPlane: DataPlane,
): RequestHandler {
  // read
  const context = createRequestContext(request, client.peer, dataPlane);
  // route
  const decided = dataPlane.decide(request.head);
  const decision = decided.kind === 'forward' && isLoop(request.head.headers) ? LOOP : decided;
  dataPlane.accessLog.begin();
  // admit
  const plan = dataPlane.admission.admit(context, decision);
  const exchange: ProxyExchange = { client, context, decision, plan, dataPlane };
  if (plan.kind === 'pending') return awaitAdmission(exchange, plan.decided, respond);
  return respond(exchange, plan);
}

const LOOP: Decision = {
  kind: 'reject',
  problem: new LoopDetected({ detail: 'A service forwards this request back to the gateway it came from.' }),
};

/** Continues after admission: select → forward → respond → record, or respond → record. */
function respond(exchange: ProxyExchange, admission: AdmissionDecision): RequestHandler {
  if (admission.kind === 'reject') return reject(exchange, admission.problem);
  if (admission.kind === 'preflight') return options(exchange, admission.lines);
  if (isDecided(exchange, 'forward')) {
    if (admission.kind !== 'cache-hit') return new ForwardedRequest(exchange).begin();
    sendCacheHit(exchange, exchange.decision, admission);
    return NO_HANDLER;
  }
  if (isDecided(exchange, 'transcode')) return respondTranscoded(exchange);
  if (isDecided(exchange, 'options')) return options(exchange, exchange.decision.lines);
  if (isDecided(exchange, 'local')) return respondAsGateway(exchange);
  const { decision } = exchange;
  return reject(exchange, decision.kind === 'reject' ? decision.problem : new InternalError());
}

/** Timeout of the gateway's own handler; streaming its response may take longer. */
const LOCAL_TIMEOUT_MS = 30_000;

const respondAsGateway = (exchange: ProxyExchange & { readonly decision: LocalDecision }): RequestHandler =>
  respondLocally(exchange, {
    route: LOCAL_ROUTE,
    target: exchange.decision.target,
    bodyBytes: exchange.dataPlane.limits.localBodyBytes,
    timeoutMs: LOCAL_TIMEOUT_MS,
    streamsBody: false,
    respond: exchange.dataPlane.handleLocally,
    timeoutProblem: () =>
      new InternalError({ cause: new Error(`No local response within ${LOCAL_TIMEOUT_MS} ms`) }),
  });

function respondTranscoded(
  exchange: ProxyExchange & { readonly decision: TranscodeDecision },
): RequestHandler {
  const { headers } = exchange.context.request.head;
  const coded = contentCodingProblem(listOf(headers, 'Content-Encoding'));
  if (coded !== null) return reject(exchange, coded);
  const { route, service, target, limits, streamsBody, respond } = exchange.decision;
  const { invalidate } = exchange.dataPlane.admission;
  return respondLocally(exchange, {
    route,
    service,
    target,
    bodyBytes: limits.bodyBytes,
    timeoutMs: limits.requestTimeoutMs,
    streamsBody,
    respond:
      invalidate === null
        ? respond
        : async (request, clientAddress) => {
            const response = await respond(request, clientAddress);
            // Transcoded responses are not cached, but they may invalidate what is.
            invalidate(exchange.context.request.head.method, target, response.status);
            return response;
          },
    timeoutProblem: () => new UpstreamTimeout(),
  });
}

function options(exchange: ProxyExchange, lines: string): RequestHandler {
  sendOptions(exchange, lines);
  return NO_HANDLER;
}

function reject(exchange: ProxyExchange, problem: Problem): RequestHandler {
  const { status, code } = problem;
  const outcome = { route: 'refused', status, code, bytesIn: 0, bytesOut: 0 };
  exchange.dataPlane.accessLog.end(exchange.context, outcome);
  sendProblem(exchange, problem);
  return NO_HANDLER;
}

const ignore = () => undefined;
/** For requests whose response is complete already. */
const NO_HANDLER: RequestHandler = {
  content: ignore,
  flush: ignore,
  end: ignore,
  drained: ignore,
  disconnected: ignore,
  reject: ignore,
  timedOut: ignore,
};
