/** A request that can be sent any number of times, and what its response must be like. */
export interface PlannedRequest {
  readonly method: string;
  readonly path: string;
  readonly token?: string;
  readonly body?: unknown;
  readonly expected: Expectation;
}

/** The status is checked for every response, the rest for a sample. */
export interface Expectation {
  readonly status: number;
  /** Of a list: the least number of items, and who their authors are among. */
  readonly items?: { readonly atLeast: number; readonly authors?: readonly string[] };
  /** Values of fields, by their path: `author.username`. */
  readonly fields?: Readonly<Record<string, string>>;
}

/** Requests of one kind, such as home timelines of different readers: sent in a random order. */
export interface RequestKind {
  readonly name: string;
  readonly requests: readonly PlannedRequest[];
}

/** What the generator is started with. */
export interface Plan {
  readonly url: string;
  readonly kinds: readonly RequestKind[];
}

/** One measurement. */
export interface Load {
  /** The kinds that are sent, by their names, with their weights. */
  readonly mix: Readonly<Record<string, number>>;
  readonly warmUpSeconds: number;
  readonly seconds: number;
  readonly shape:
    | {
        /** The next request is sent on a connection when the response has come: the highest throughput. */
        readonly kind: 'closed';
        readonly connections: number;
      }
    | {
        /** Requests become due at random times (Poisson), whether or not earlier ones have been answered. */
        readonly kind: 'open';
        readonly requestsPerSecond: number;
      };
}

export interface LoadResult {
  /** Complete responses with the expected status that were measured. */
  readonly responses: number;
  /** Why other requests failed, with their number: a status, a broken connection, a wrong response. */
  readonly failures: Readonly<Record<string, number>>;
  /** Between the end of the warm-up and the last response. */
  readonly seconds: number;
  /** From when a request was due to its last byte. */
  readonly latency: Percentiles;
  readonly latencyByKind: Readonly<Record<string, Percentiles>>;
  /** How late the generator was when it sent: above some milliseconds the machine had no time for it. */
  readonly lateMs: Percentiles;
  /** The load was ended early because too many requests were waiting. */
  readonly isOverloaded: boolean;
  /** CPU time of the generator, from the end of the warm-up. */
  readonly generatorMs: number;
}

export interface Percentiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

export type ToGenerator = { readonly load: Load } | { readonly plan: string };
export type FromGenerator = 'ready' | 'warm' | { readonly result: LoadResult } | { readonly failure: string };
