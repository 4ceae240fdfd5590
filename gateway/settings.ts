import { type Environment, type Field, flag, integer, optionalText, secret } from '#kit/config/environment';
import { amqpFields, processFields, redisFields, tokenFields } from '#kit/config/fields';
import { crossOriginFields, rateLimitFields, responseCacheFields } from './admission/settings';
import { DEFAULT_LIMITS } from './model/limits';
import { DEFAULT_BOUNDS } from './routing/circuit-breaker';

/** What the gateway's process reads from its environment. */
export const gatewayFields = {
  ...processFields(8080),
  ...amqpFields,
  ...redisFields,
  ...tokenFields,
  ...rateLimitFields,
  ...crossOriginFields,
  ...responseCacheFields,
  /** Signs the tokens by which services know this gateway when it calls them over gRPC. */
  INTERNAL_SECRET: secret('development-internal-secret'),
  /** Where clients reach this gateway, for the OpenAPI document; without it the document's paths are relative. */
  PUBLIC_URL: optionalText(),
  TLS_CERT: optionalText(),
  TLS_KEY: optionalText(),
  TRUSTED_PROXIES: list(),
  /** Connections of one address at once, in each process; those of trusted proxies are not bounded. */
  CLIENT_CONNECTIONS_PER_ADDRESS: integer(DEFAULT_LIMITS.clientsPerAddress, { min: 1, max: 1_000_000 }),
  /** Processes that share the port, one for each core to be used. */
  GATEWAY_WORKERS: integer(1, { min: 1, max: 128 }),
  /** Set by the gateway for the processes it starts. */
  GATEWAY_WORKER: flag(false),
  /** Requests of one service that wait for its answer at the same time, in each process. */
  BREAKER_CONCURRENCY: integer(DEFAULT_BOUNDS.concurrency, { min: 1, max: 100_000 }),
  /** Further ones that wait up to a second for a place. */
  BREAKER_QUEUE: integer(DEFAULT_BOUNDS.queue, { min: 0, max: 100_000 }),
  SHUTDOWN_TIMEOUT_MS: integer(15_000, { min: 100, max: 600_000 }),
};

export type GatewayEnvironment = Environment<typeof gatewayFields>;

/** Values separated by commas; none when unset. */
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
