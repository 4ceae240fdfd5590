import { type Field, optionalText, text } from '#kit/config/environment';
import { DEVELOPMENT_HOSTS, unreadableHost } from './hosts';

/** What the registry reads besides what every process does. In production the first two must be set. */
export const registryFields = {
  REGISTRY_TOKEN: registrationToken(),
  REGISTRY_ALLOWED_HOSTS: allowedHosts(),
  /** Replicas share their table through it; unset, this registry is alone. */
  REGISTRY_REDIS_URL: optionalText(),
  /** Replicas of one group share one table, where several systems use one Redis. */
  REGISTRY_GROUP: text('rookery'),
};

/** Empty: none is asked for, as in development. */
function registrationToken(): Field<string> {
  return {
    parse: (value) =>
      /^\S{16,}$/.test(value) ? value : { problem: 'must have at least 16 characters and no blanks' },
    fallback: '',
    developmentOnly: true,
  };
}

function allowedHosts(): Field<readonly string[]> {
  return {
    parse: (value) => {
      const entries = value.split(',').map((entry) => entry.trim());
      return unreadableHost(entries) === undefined
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
