import type { HeadLimits } from '../http1/request-head';

/** Everything the data plane bounds by itself; what differs by route comes with the decision. */
export interface PlaneLimits extends HeadLimits {
  /** Clients connected at once; for further ones those give way that are between two requests. */
  readonly clients: number;
  /** The same of one address, where it is no trusted proxy. */
  readonly clientsPerAddress: number;
  /** From the first byte of a head (on a new connection: from its opening) to the last. */
  readonly headMs: number;
  /** Between two requests on one connection. */
  readonly keepAliveMs: number;
  /** A request body must bring at least `bodyProgressBytes` in every `bodyProgressMs`. */
  readonly bodyProgressBytes: number;
  readonly bodyProgressMs: number;
  /** A peer that takes no byte for so long is cut off. */
  readonly writeStallMs: number;
  /** How often a client that sent FIN and waits for its answer is asked whether it is still there. */
  readonly probeMs: number;
  /** How long a connection is read on after its last response, so that a client still sending gets to see it. */
  readonly lingerMs: number;
  readonly connectMs: number;
  /** Shorter than the keep-alive of the servers behind (Node 5 s, Bun 10 s), so that they do not close first. */
  readonly upstreamIdleMs: number;
  readonly idlePerInstance: number;
  readonly openPerInstance: number;
  /** What is kept of a request body for a retry. */
  readonly retryBodyBytes: number;
  /** Bodies of requests the gateway answers itself. */
  readonly ownBodyBytes: number;
}

export const DEFAULT_LIMITS: PlaneLimits = {
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
  lingerMs: 2_000,
  connectMs: 2_000,
  upstreamIdleMs: 4_000,
  idlePerInstance: 128,
  openPerInstance: 4_096,
  retryBodyBytes: 64 * 1024,
  ownBodyBytes: 1024 * 1024,
};
