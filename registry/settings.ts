import { type Field, flag, optionalText, text } from '#kit/config/environment';
import { DEVELOPMENT_REGISTRY_TOKEN } from '#kit/config/fields';
import { DEVELOPMENT_HOSTS, invalidHostEntry } from './access/address-policy';

/** The registry's own environment variables. In production the token and the allowed hosts must be set. */
export const registryFields = {
  REGISTRY_TOKEN: registrationToken(),
  REGISTRY_ALLOWED_HOSTS: allowedHosts(),
  /** Whether every instance must prove its address; otherwise `verify: "http"` is accepted. By default in production. */
  REGISTRY_REQUIRE_PROOF: optionalFlag(),
  /** Further names by which the registry is called; `*.example.com` for all below. */
  REGISTRY_HOSTS: text(''),
  /** Replicas share their table through this Redis; unset, the registry runs standalone. */
  REGISTRY_REDIS_URL: optionalText(),
  /** The replicas of one group share one table; for several systems on one Redis. */
  REGISTRY_GROUP: text('rookery'),
};

/** Undefined: as the environment demands. */
function optionalFlag(): Field<boolean | undefined> {
  return { parse: flag(false).parse, fallback: undefined, optional: true };
}

/** Its default leaves registration open, as on a development machine. */
function registrationToken(): Field<string> {
  return {
    parse: (value) =>
      /^\S{16,}$/.test(value) ? value : { problem: 'must have at least 16 characters and no whitespace' },
    fallback: DEVELOPMENT_REGISTRY_TOKEN,
    developmentOnly: true,
  };
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
    developmentOnly: true,
  };
}
