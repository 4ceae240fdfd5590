import { type Field, flag, integer, text } from '#kit/config/environment';
import { redisUrl } from '#kit/config/redis-url';
import { registryToken } from '#kit/config/secrets';
import { DEVELOPMENT_HOSTS, invalidHostEntry } from './access/address-policy';
import { DEFAULT_WATCHERS } from './open-registry';

/** The registry's own environment variables. In production the token and the allowed hosts must be set. */
export const registryFields = {
  REGISTRY_TOKEN: registryToken(),
  REGISTRY_ALLOWED_HOSTS: allowedHosts(),
  /** Whether every instance must prove its address; otherwise `verify: "http"` is accepted. By default in production. */
  REGISTRY_REQUIRE_PROOF: optionalFlag(),
  /** Further names by which the registry is called; `*.example.com` for all below. */
  REGISTRY_HOSTS: text(''),
  /** Replicas share their table through this Redis; unset, the registry runs standalone. */
  REGISTRY_REDIS_URL: redisUrl(undefined, 'REGISTRY_REDIS'),
  /** The replicas of one group share one table; for several systems on one Redis. */
  REGISTRY_GROUP: text('rookery'),
  /** Maximum open watches and long polls, and those of one address that is no gateway. */
  REGISTRY_WATCHERS_MAX: integer(DEFAULT_WATCHERS.maximum, { min: 1, max: 100_000 }),
  REGISTRY_WATCHERS_PER_ADDRESS: integer(DEFAULT_WATCHERS.perAddress, { min: 1, max: 100_000 }),
};

/** Undefined: as the environment demands. */
function optionalFlag(): Field<boolean | undefined> {
  return { parse: flag(false).parse, fallback: undefined, optional: true };
}

function allowedHosts(): Field<readonly string[]> {
  return {
    parse: (value) => {
      const entries = value.split(',').map((entry) => entry.trim());
      return invalidHostEntry(entries) === undefined
        ? entries
        : {
            problem:
              'must be addresses, ranges like 10.0.0.0/8, names or suffixes like *.internal, separated by commas',
          };
    },
    fallback: DEVELOPMENT_HOSTS,
    production: {
      required: true,
      advice: 'the addresses, ranges or names that instances may run at, like 10.0.0.0/8',
    },
  };
}
