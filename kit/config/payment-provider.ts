import type { Field } from './environment';
import { choice } from './environment';
import { url } from './urls';

const FOR_STRIPE = { variable: 'PAYMENT_PROVIDER', value: 'stripe' };

/**
 * The payment provider. `mock` takes no money and is refused in production, which must name a real one: with a mock every
 * stranger would credit their account.
 */
export const paymentProvider = (): Field<'mock' | 'stripe'> => ({
  ...choice(['mock', 'stripe'], 'mock'),
  production: {
    required: true,
    refuse: (provider) => (provider === 'mock' ? 'is mock, which takes no money' : undefined),
    advice: 'use stripe',
  },
});

/**
 * A secret or restricted API key of Stripe. Production refuses one of test mode, whose cards take no money either.
 * https://docs.stripe.com/keys
 */
export const stripeSecretKey = (): Field<string | undefined> => ({
  parse: (value) =>
    /^(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}$/.test(value)
      ? value
      : { problem: 'must be a secret (sk_…) or restricted (rk_…) API key of Stripe' },
  fallback: undefined,
  optional: true,
  neededBy: FOR_STRIPE,
  production: {
    required: true,
    refuse: (key) => (/^.._test_/.test(key) ? 'is a key of test mode, whose cards take no money' : undefined),
    advice: 'use a live key; a restricted one with write access to payment intents and refunds is enough',
  },
});

/** The signing secrets of Stripe's webhook endpoint, separated by commas: two while one replaces the other. */
export const stripeWebhookSecrets = (): Field<readonly string[] | undefined> => ({
  parse(value) {
    const secrets = value.split(',').map((secret) => secret.trim());
    return secrets.every((secret) => /^whsec_[A-Za-z0-9+/=]{16,}$/.test(secret))
      ? secrets
      : { problem: 'must be one or more signing secrets (whsec_…) separated by commas' };
  },
  fallback: undefined,
  optional: true,
  neededBy: FOR_STRIPE,
  production: {
    required: true,
    advice:
      "the signing secret of the endpoint for Stripe's events; while it is replaced, both, separated by a comma",
  },
});

/** Where Stripe's API is reached; another one is for tests and proxies. Production sends its key over TLS only. */
export const stripeApiUrl = (): Field<string> => {
  const field = url('https://api.stripe.com');
  return {
    ...field,
    parse(value) {
      const valid = field.parse(value);
      if (typeof valid !== 'string') return valid;
      const { pathname, search, hash, username, password } = new URL(valid);
      return pathname === '/' && `${search}${hash}${username}${password}` === ''
        ? valid
        : { problem: 'must be a URL with a host and, if needed, a port only' };
    },
    production: {
      refuse: (value) => (new URL(value).protocol === 'https:' ? undefined : 'has no TLS'),
      advice: 'use https://',
    },
  };
};
