import type { RateLimitName } from '#contracts/registry';
import type { Problem } from '#kit/errors/problem';
import type { RequestHead } from '../http1/message';
import type { AccessRule } from './access-rule';
import type { Attempt } from './attempt';
import type { RouteLimits } from './limits';
import type { CircuitBreaker, RetryBudget } from './resilience';

/** Forwarded to an instance over HTTP. */
export interface ForwardDecision {
  readonly kind: 'forward';
  readonly service: string;
  /** Pattern of the matched route, for metrics and logs: bounded, unlike the path. */
  readonly route: string;
  /** Path and query to send upstream. */
  readonly target: string;
  /** What was cut from the path: version, service's prefix, or both; empty for nothing. */
  readonly prefix: string;
  readonly limits: RouteLimits;
  /** The route's strict limit, in addition to the general one. */
  readonly rateLimit?: RateLimitName | undefined;
  /** The access rule that the gateway enforces; null where there is none, or the service enforces it. */
  readonly access: AccessRule | null;
  /** Whether pages of any origin may read the response, without credentials. */
  readonly isPublicToPages?: boolean | undefined;
  /** Whether the route processes a request once per `Idempotency-Key`: then one that carries a key may be sent again. */
  readonly honoursIdempotencyKey?: boolean | undefined;
  /** Of the service. */
  readonly breaker: CircuitBreaker;
  readonly retryBudget: RetryBudget;
  /**
   * Selects an instance that is not in `tried`; null when none is left.
   *
   * @param repeatable whether the request may be retried on another instance
   */
  pick(tried: ReadonlySet<string>, repeatable: boolean): Attempt | null;
}

/** Called over gRPC; the gateway transcodes the reply into an HTTP response. */
export interface TranscodeDecision {
  readonly kind: 'transcode';
  readonly service: string;
  readonly route: string;
  readonly limits: RouteLimits;
  readonly rateLimit?: RateLimitName | undefined;
  /** Whether pages of any origin may read the response, without credentials. */
  readonly isPublicToPages?: boolean | undefined;
  /** Path and query as the service knows them. */
  readonly target: string;
  /** What was cut from the path, as for forwarded requests. */
  readonly prefix: string;
  /** Whether `respond` reads the body as a stream instead of buffered. */
  readonly streamsBody: boolean;
  readonly respond: LocalHandler;
}

/** The gateway responds itself. */
export interface LocalDecision {
  readonly kind: 'local';
  /** Pattern of the page. */
  readonly page: string;
  /** Path and query as the page knows them. */
  readonly target: string;
  /** The version the path began with; empty for none. The pages are at the root, too, so the gateway's name is not kept. */
  readonly prefix: string;
}

/** What the gateway does with a request, decided from its head alone. */
export type Decision =
  | ForwardDecision
  | TranscodeDecision
  | LocalDecision
  /** OPTIONS for a path: answered with these header lines, each ending with CR LF. */
  | { readonly kind: 'options'; readonly lines: string }
  | { readonly kind: 'reject'; readonly problem: Problem };

export type Decide = (head: RequestHead) => Decision;

/** Responds to a request within this process. */
export type LocalHandler = (request: Request, clientAddress: string) => Promise<Response>;
