import type { AttemptHistory } from './attempt';

/** How one request ended. */
export interface RequestOutcome {
  readonly route: string;
  /** 499 when the client disconnected before the response was complete. */
  readonly status: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly service?: string | undefined;
  readonly code?: string | undefined;
  /** Why the call of a service failed; that of a forwarded request is in its attempts. */
  readonly failure?: string | undefined;
  /** Attempts at instances; undefined for what was not forwarded. */
  readonly tries?: AttemptHistory | undefined;
  /** Time spent in the circuit breaker's queue. */
  readonly queuedMs?: number | undefined;
}

/** Client Closed Request, as nginx logs it. Never sent. */
export const CLIENT_CLOSED_REQUEST = 499;

/** The route under which all local responses of the gateway are counted. */
export const LOCAL_ROUTE = 'own';
