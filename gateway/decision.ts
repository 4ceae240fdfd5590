import type { RateLimitName } from '#contracts/registry';
import type { Problem } from '#kit/errors/problem';
import type { CircuitBreaker } from './routing/circuit-breaker';
import type { RetryBudget } from './routing/retry-budget';

/** Its name as sent, its value as latin-1 text without outer blanks, and the whole line as it is written to others. */
export type HeaderLine = readonly [name: string, value: string, line: string];

/** Header lines in the order they came. */
export type HeaderList = readonly HeaderLine[];

/** The head of one request as the reader gives it, already held to RFC 9112's grammar. */
export interface RequestHead {
  readonly method: string;
  /** Origin-form target as sent: path and query. */
  readonly target: string;
  readonly httpVersion: '1.0' | '1.1';
  readonly headers: HeaderList;
}

export interface Limits {
  readonly bodyBytes: number;
  readonly requestTimeoutMs: number;
  readonly tryTimeoutMs: number;
  /** When no head has come after so long, a second instance is asked as well; 0 where the route does not want that. */
  readonly hedgeMs: number;
}

/** How a try ended, as far as it tells something about the instance. */
export type TryResult =
  /** With a status below 500. */
  | 'answered'
  /** With a 500 or the like: the application's failure with this request, not the instance's with every one. */
  | 'application-error'
  /** With 502, 503 or 504. */
  | 'unavailable'
  | 'unreachable'
  | 'timeout'
  /** The answer broke off, or was no HTTP. */
  | 'broken'
  /** Nobody waited for its end: the client left, or another try was faster. */
  | 'abandoned';

/** One of the instances drawn for a try, with what decided: the lowest score takes the request. */
export interface Considered {
  readonly instanceId: string;
  readonly score: number;
}

/** An instance that could not be drawn for a try, or less often than its weight says. */
export interface HeldBack {
  readonly instanceId: string;
  /** `unhealthy` ones are asked when there is no other. */
  readonly reason: 'ejected' | 'starting' | 'draining' | 'unhealthy' | 'no-weight' | 'slow-start';
  /** When an ejected one may be probed, in monotonic milliseconds. */
  readonly untilMs?: number;
  /** What one that starts slowly gets of its share. */
  readonly share?: number;
}

/** One try at one instance: `done` is called exactly once, so that in-flight counts and latencies stay true. */
export interface Attempt {
  readonly instanceId: string;
  readonly host: string;
  readonly port: number;
  /** Monotonic milliseconds. */
  readonly startedMs: number;
  /** The one or two instances this one was chosen from, itself first. Made when asked for. */
  readonly considered: readonly Considered[];
  /** As it was when the instance was chosen; the same list for all tries until something changes. */
  readonly heldBack: readonly HeldBack[];
  /** Whether it finds out if an ejected instance is well again. */
  readonly isProbe: boolean;
  /** Null until `done`. */
  readonly result: TryResult | null;
  /** To the head of the answer, or to the end of a try without one; 0 until either. */
  readonly latencyMs: number;
  /** The head of an answer below 500 has come, at this monotonic time. */
  answered(nowMs: number): void;
  done(result: TryResult, latencyMs: number): void;
  /** It has become a stream without an end of its own (a tunnel, server-sent events): no drain waits for it. */
  detach(): void;
}

/** What the gateway does with a request, decided from its head alone. */
export type Decision =
  | {
      readonly kind: 'forward';
      readonly service: string;
      /** Pattern of the matched route, for metrics and logs: bounded, unlike the path. */
      readonly route: string;
      /** Path and query to send upstream. */
      readonly target: string;
      readonly limits: Limits;
      /** The strict limit its route asks for, besides the one every request is held to. */
      readonly rateLimit?: RateLimitName | undefined;
      /** Of the service. */
      readonly breaker: CircuitBreaker;
      readonly retryBudget: RetryBudget;
      /**
       * Chooses an instance that is not in `tried`; null when none is left.
       *
       * @param repeatable whether the request may be sent to another instance when this one fails it
       */
      pick(tried: ReadonlySet<string>, repeatable: boolean): Attempt | null;
    }
  | {
      /** The service answers over gRPC, and the gateway makes an HTTP answer of that. */
      readonly kind: 'transcode';
      readonly service: string;
      readonly route: string;
      readonly limits: Limits;
      readonly rateLimit?: RateLimitName | undefined;
      /** Path and query as the service knows them. */
      readonly target: string;
      /** Whether `answer` reads the body as it comes, instead of getting it whole. */
      readonly streams: boolean;
      answer(request: Request, clientAddress: string): Promise<Response>;
    }
  | { readonly kind: 'own' }
  /** Asked with OPTIONS what a path answers: said in these header lines, each ending with CR LF. */
  | { readonly kind: 'options'; readonly lines: string }
  | { readonly kind: 'refuse'; readonly problem: Problem };

export type Decide = (head: RequestHead) => Decision;
