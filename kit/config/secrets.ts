import type { Field, ProductionRule } from './environment';

/** How an operator makes a secret. */
export const RANDOM_SECRET = 'use a random one of its own, as from `openssl rand -base64 36`';

/**
 * Secrets that everybody knows: the development defaults of Rookery, those that servers are delivered with, and words
 * that stand in examples. Production rejects each of them in every variable that holds a secret.
 */
const WELL_KNOWN = new Set([
  ...['development-internal-secret', 'development-token-secret-32-characters', 'rookery-development'],
  'development-registry-token',
  ...['local', 'rookery', 'guest', 'root', 'admin', 'minioadmin', 'default', 'test', 'user'],
  ...['password', 'passwd', 'secret', 'changeme', 'change-me', 'example', '12345678'],
]);

/** Why a secret is not fit for production; undefined when it is fit. The case of letters does not make it a better one. */
export const refuseWellKnown = (secret: string): string | undefined =>
  WELL_KNOWN.has(secret.toLowerCase()) ? 'is a well-known or development value' : undefined;

/** A secret must be set in production, to none that everybody knows. */
export const secretRule: ProductionRule<string> = {
  required: true,
  refuse: refuseWellKnown,
  advice: RANDOM_SECRET,
};

/** A secret of at least 16 characters. Production rejects the development default, set or unset. */
export function secret(developmentValue: string): Field<string> {
  return {
    parse: (value) => (value.length >= 16 ? value : { problem: 'must have at least 16 characters' }),
    fallback: developmentValue,
    production: {
      ...secretRule,
      refuse: (value) =>
        value === developmentValue ? 'is a well-known or development value' : refuseWellKnown(value),
    },
  };
}

/** The secret that all verifiers of access tokens share with HS256. With other algorithms it has no effect. */
export function tokenSecret(): Field<string> {
  const field = secret('development-token-secret-32-characters');
  return {
    ...field,
    production: { ...secretRule, ...field.production, required: (read) => read('JWT_ALG') === 'HS256' },
  };
}

/** The REGISTRY_TOKEN of a development machine, where registration is open: only Rookery's own names need a credential. */
export const DEVELOPMENT_REGISTRY_TOKEN = 'development-registry-token';

/**
 * The secret that the registration credential of each service is derived from. Its default leaves registration open.
 *
 * @param required whether production requires it
 */
export const registryToken = (required: ProductionRule<string>['required'] = true): Field<string> => ({
  ...secret(DEVELOPMENT_REGISTRY_TOKEN),
  parse: (value) =>
    /^[\x21-\x7E]{16,}$/.test(value)
      ? value
      : { problem: 'must have at least 16 printable ASCII characters and no whitespace' },
  production: {
    ...secretRule,
    required,
    advice:
      required === true
        ? `the credential of every service is derived from it; ${RANDOM_SECRET}`
        : 'set REGISTRY_CREDENTIAL to the credential of this process, which deploy/production-env.sh derives from the token',
  },
});

/** A token that programs send; `undefined` when the variable is unset. */
export const optionalToken = (): Field<string | undefined> => ({
  parse: (value) =>
    /^[\x21-\x7E]{16,}$/.test(value)
      ? value
      : { problem: 'must have at least 16 printable ASCII characters and no whitespace' },
  fallback: undefined,
  optional: true,
  production: { refuse: refuseWellKnown, advice: RANDOM_SECRET },
});

/** A password that a person signs in with; `undefined` when the variable is unset. */
export const optionalPassword = (advice: string): Field<string | undefined> => ({
  // The rule of registrations: 8 graphemes have at least 8 code units.
  parse: (value) => (value.length >= 8 ? value : { problem: 'must have at least 8 characters' }),
  fallback: undefined,
  optional: true,
  production: { required: true, refuse: refuseWellKnown, advice },
});

/** An access key; production rejects the emulator's. */
export const accessKey = (developmentValue: string): Field<string> => ({
  parse: (value) => value,
  fallback: developmentValue,
  production: {
    required: true,
    refuse: refuseWellKnown,
    advice: 'use a key of the account that owns the tables',
  },
});

/**
 * A secret that is set together with another variable; `undefined` when it is unset.
 *
 * @param neededBy the variable that requires it
 */
export const optionalSecret = (neededBy: string): Field<string | undefined> => ({
  parse: (value) => value,
  fallback: undefined,
  optional: true,
  neededBy,
  production: { refuse: refuseWellKnown, advice: RANDOM_SECRET },
});
