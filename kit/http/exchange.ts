import type { Caller } from '../auth/caller';
import type { Problem } from '../errors/problem';
import { continueTrace, runningTrace, type Trace } from '../tracing/context';

/** The state of a request while it is handled. */
export interface Exchange {
  readonly trace: Trace;
  /** Monotonic milliseconds. */
  readonly startedMs: number;
  /** Set by the access rule of the route. */
  caller?: Caller | undefined;
  /** Found while the request was read; thrown once the access rule has admitted its client. */
  refusal?: Problem | undefined;
  /** Releases the place of the request (`route-shares`). */
  releasePlace?: () => void;
  /** Set by the access rule `service`. */
  callingService?: string;
  /** Made by the process itself (`warm-up`); neither logged nor measured. */
  isWarmUp?: boolean;
}

/**
 * Keyed by the request, because hooks of Elysia share nothing else before the route's context exists, and a hook that
 * creates that state would cost every request.
 */
const exchanges = new WeakMap<Request, Exchange>();

/** The state of a request, created on first use. */
export function exchangeOf(request: Request): Exchange {
  let exchange = exchanges.get(request);
  if (exchange === undefined) {
    const { headers } = request;
    // The server has started the trace; an app called directly continues that of the request.
    const trace =
      runningTrace() ??
      continueTrace({ requestId: headers.get('x-request-id'), traceparent: headers.get('traceparent') });
    exchange = { trace, startedMs: performance.now() };
    exchanges.set(request, exchange);
  }
  return exchange;
}

/** Throws what was found to be wrong with a request while it was read, if anything. */
export function throwRefusal(request: Request): void {
  const { refusal } = exchangeOf(request);
  if (refusal !== undefined) throw refusal;
}
