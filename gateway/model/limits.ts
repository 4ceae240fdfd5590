import type { HeadLimits } from '../http1/message';

/** RouteLimits of one route. */
export interface RouteLimits {
  readonly bodyBytes: number;
  readonly requestTimeoutMs: number;
  readonly tryTimeoutMs: number;
  /** A second instance is requested in parallel when no response head was received within this time; 0 disables hedging. */
  readonly hedgeMs: number;
}

/** RouteLimits of the data plane as a whole; those of a route come with its decision. */
export interface DataPlaneLimits extends HeadLimits {
  /** Concurrent client connections; when exceeded, idle ones are evicted for new ones. */
  readonly clients: number;
  /** The same per client address, unless it is a trusted proxy. */
  readonly clientsPerAddress: number;
  /** From the first byte of a head (on a new connection: from its opening) to the last. */
  readonly headMs: number;
  /** Between two requests on one connection. */
  readonly keepAliveMs: number;
  /** A request body must bring at least `bodyProgressBytes` in every `bodyProgressMs`. */
  readonly bodyProgressBytes: number;
  readonly bodyProgressMs: number;
  /** A peer that accepts no byte for this long is disconnected. */
  readonly writeStallMs: number;
  /** Interval of liveness probes to a client that sent FIN and waits for its response. */
  readonly probeMs: number;
  /**
   * Lingering close: how long a connection is read after its last response without the client sending anything, so that
   * one that is still sending receives the response, and how long at most.
   */
  readonly lingerMs: number;
  readonly lingerTotalMs: number;
  readonly connectMs: number;
  /**
   * How long an upstream connection may be idle and be used again; 0 never. Shorter than the keep-alive timeout of the
   * usual servers (Node 5 s, Bun 10 s), so that they do not close first; a server that states a shorter one in
   * `Keep-Alive` gets that.
   */
  readonly upstreamIdleMs: number;
  /** The same for a request that must not be sent twice: no server closes a connection this early. */
  readonly upstreamFreshMs: number;
  /** How long a response smaller than 64 KiB is held back for its rest: until it is relayed, it can be retried. */
  readonly holdMs: number;
  readonly idlePerInstance: number;
  readonly openPerInstance: number;
  /** Maximum of a request body that is buffered for retries. */
  readonly retryBodyBytes: number;
  /** Bodies of requests the gateway responds to itself. */
  readonly localBodyBytes: number;
}

export const DEFAULT_LIMITS: DataPlaneLimits = {
  targetBytes: 8 * 1024,
  fieldBytes: 16 * 1024,
  fieldCount: 100,
  clients: 20_000,
  clientsPerAddress: 2_000,
  headMs: 10_000,
  keepAliveMs: 60_000,
  bodyProgressBytes: 1024,
  bodyProgressMs: 10_000,
  writeStallMs: 30_000,
  probeMs: 2_000,
  // nginx: lingering_timeout and lingering_time.
  lingerMs: 5_000,
  lingerTotalMs: 30_000,
  connectMs: 2_000,
  upstreamIdleMs: 4_000,
  upstreamFreshMs: 1_000,
  holdMs: 100,
  idlePerInstance: 128,
  openPerInstance: 4_096,
  retryBodyBytes: 64 * 1024,
  localBodyBytes: 1024 * 1024,
};
