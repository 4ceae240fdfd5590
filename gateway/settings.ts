import { type Environment, type Field, flag, integer, optionalText } from '#kit/config/environment';
import {
  amqpFields,
  identityFields,
  internalTlsFields,
  processFields,
  redisFields,
  registrationFields,
  secretFields,
  tokenFields,
} from '#kit/config/fields';
import { publicUrl } from '#kit/config/urls';
import {
  crossOriginFields,
  rateLimitFields,
  responseCacheFields,
  strictTransportFields,
} from './admission/settings';
import { DEFAULT_LIMITS } from './model/limits';
import { DEFAULT_THRESHOLDS } from './routing/circuit-breaker';

/** Environment variables of the gateway. */
export const gatewayFields = {
  ...processFields(8080),
  ...identityFields,
  ...internalTlsFields,
  // The key of rate limit counters in Redis.
  ...secretFields,
  ...registrationFields,
  ...amqpFields,
  ...redisFields,
  ...tokenFields,
  ...rateLimitFields,
  ...crossOriginFields,
  ...responseCacheFields,
  ...strictTransportFields,
  /** Public URL of the gateway for the OpenAPI document; without it the document's server is relative. */
  PUBLIC_URL: publicUrl(undefined),
  TLS_CERT: filePath('TLS_KEY'),
  TLS_KEY: filePath('TLS_CERT'),
  TRUSTED_PROXIES: list(),
  /** Maximum connections per client address and process; unlimited for trusted proxies. */
  CLIENT_CONNECTIONS_PER_ADDRESS: integer(DEFAULT_LIMITS.clientsPerAddress, { min: 1, max: 1_000_000 }),
  /** Maximum streams per process: event streams and WebSockets, of whichever service. Strangers have half of them. */
  GATEWAY_STREAMS_MAX: integer(15_000, { min: 1, max: 1_000_000 }),
  GATEWAY_STREAMS_PER_ADDRESS: integer(1_000, { min: 1, max: 1_000_000 }),
  GATEWAY_STREAMS_PER_PERSON: integer(100, { min: 1, max: 1_000_000 }),
  /** Worker processes that share the port, one per core. */
  GATEWAY_WORKERS: integer(1, { min: 1, max: 128 }),
  /** Set by the supervisor for its workers. */
  GATEWAY_WORKER: flag(false),
  /** Compresses text for clients that ask for it. */
  RESPONSE_COMPRESSION: flag(true),
  /** Maximum concurrent requests per service and process. */
  BREAKER_CONCURRENCY: integer(DEFAULT_THRESHOLDS.concurrency, { min: 1, max: 100_000 }),
  /** Maximum queued requests per service, each for up to a second. */
  BREAKER_QUEUE: integer(DEFAULT_THRESHOLDS.queue, { min: 0, max: 100_000 }),
  /** How long an upstream connection may be idle and be used again; 0 never. `Keep-Alive` of a server shortens it. */
  UPSTREAM_IDLE_MS: integer(DEFAULT_LIMITS.upstreamIdleMs, { min: 0, max: 600_000 }),
  SHUTDOWN_TIMEOUT_MS: integer(15_000, { min: 100, max: 600_000 }),
};

export type GatewayEnvironment = Environment<typeof gatewayFields>;

/** One of two files that are only of use together. */
function filePath(neededBy: string): Field<string | undefined> {
  return { ...optionalText(), neededBy };
}

/** Comma-separated values; empty by default. */
function list(): Field<readonly string[]> {
  return {
    parse: (value) =>
      value
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    fallback: [],
  };
}
