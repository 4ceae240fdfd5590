import { type Static, type TString, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import type { Field } from '#kit/config/environment';
import { withoutBrackets } from '#kit/config/hosts';
import { isAddressRange, LOOPBACK_RANGES } from '#kit/config/ranges';
import { refuseWellKnown } from '#kit/config/secrets';
import { checkedString } from '#kit/text/fields';
import { lineOfText } from '#kit/text/schema';

/** Another OpenID provider that people may sign in with, as the operator has configured it. */
export interface ProviderSettings {
  /** In paths, and of the identities in the database: it stands for one issuer for ever. */
  readonly name: string;
  /** What people call it. */
  readonly label: string;
  readonly issuer: string;
  readonly clientId: string;
  /** Undefined for a public client. */
  readonly clientSecret: string | undefined;
  readonly scopes: string;
  /** Whether an address counts as verified because the provider says so. */
  readonly trustsEmail: boolean;
  /** Ranges that its servers may be in although they are not public. */
  readonly allowedRanges: readonly string[];
}

/** Beyond it the sign-in page is a list. */
const MAX_PROVIDERS = 10;
/** As long as mails may name it. */
const MAX_LABEL = 60;
const DEFAULT_SCOPES = 'openid profile email';

const secretText = (error: string): TString => Type.String({ minLength: 1, maxLength: 2_048, error });

const Provider = Type.Object(
  {
    name: Type.String({
      pattern: '^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$',
      error: 'lower-case letters, digits and hyphens, at most 40',
    }),
    label: Type.Optional({
      ...lineOfText({ max: MAX_LABEL, maxUnits: MAX_LABEL }),
      error: `one line of at most ${MAX_LABEL} characters`,
    }),
    issuer: checkedString('provider-issuer', isIssuer, {
      error:
        'an https URL without query, fragment and credentials (http on a loopback address in development)',
    }),
    client_id: secretText('the id that the provider has given out'),
    client_secret: Type.Optional(secretText('the secret that the provider has given out')),
    scopes: Type.Optional(
      checkedString('provider-scopes', areScopes, {
        error: 'scopes separated by blanks, openid among them',
      }),
    ),
    trust_email: Type.Optional(Type.Boolean({ error: 'true or false' })),
    allowed_ranges: Type.Optional(
      Type.Array(checkedString('address-range', isAddressRange, { error: 'an address, or a range' }), {
        error: 'addresses, or ranges like 10.0.0.0/8',
      }),
    ),
  },
  { additionalProperties: false },
);
const Providers = Type.Array(Provider, { maxItems: MAX_PROVIDERS });

const EXPECTED = {
  problem:
    'must be a JSON array of at most 10 objects with name, issuer, client_id and client_secret, and if needed label, scopes, trust_email and allowed_ranges',
};

/**
 * The providers of `SIGN_IN_PROVIDERS`: JSON, so that a deployment passes one variable on, however many there are. None by
 * default.
 */
export const signInProviders = (): Field<readonly ProviderSettings[]> => ({
  parse(text) {
    const value = parsed(text);
    if (!Value.Check(Providers, value)) {
      const problems = problemsIn(value);
      return problems === '' ? EXPECTED : { problem: `${EXPECTED.problem}: ${problems}` };
    }
    if (new Set(value.map(({ name }) => name)).size < value.length)
      return { problem: 'must give each provider a name of its own' };
    return value.map(settingsOf);
  },
  fallback: [],
  production: {
    refuse: (providers) => providers.flatMap(unfit)[0],
    advice: 'use an HTTPS issuer, and the client id and secret that the provider has given out',
  },
});

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What is wrong with each member, never its value: it may be a secret. */
function problemsIn(value: unknown): string {
  if (!Array.isArray(value)) return '';
  const problems = new Map<string, string>();
  for (const { path, schema } of Value.Errors(Providers, value)) {
    const [, index = '', member = ''] = path.split('/');
    const { error } = schema;
    // The names of members that are not known are not repeated either: somebody may have typed a secret as one.
    if (!(member in Provider.properties) || typeof error !== 'string') continue;
    const field = `${member} of number ${Number(index) + 1}`;
    if (!problems.has(field)) problems.set(field, `${field} must be ${error}`);
  }
  return [...problems.values()].join('; ');
}

function settingsOf(provider: Static<typeof Provider>): ProviderSettings {
  const { name, issuer, allowed_ranges = [] } = provider;
  return {
    name,
    label: provider.label ?? name,
    issuer,
    clientId: provider.client_id,
    clientSecret: provider.client_secret,
    scopes: provider.scopes ?? DEFAULT_SCOPES,
    trustsEmail: provider.trust_email ?? false,
    allowedRanges: isLoopback(issuer) ? [...allowed_ranges, ...LOOPBACK_RANGES] : allowed_ranges,
  };
}

function unfit({ name, issuer, clientSecret }: ProviderSettings): string[] {
  if (!issuer.startsWith('https:')) return [`has ${name}, whose issuer has no TLS`];
  const weak = clientSecret === undefined ? undefined : refuseWellKnown(clientSecret);
  return weak === undefined ? [] : [`has ${name}, whose client secret ${weak}`];
}

/** OpenID Connect Discovery, section 3; plain HTTP is for a provider on this machine, in development. */
function isIssuer(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || `${url.search}${url.hash}${url.username}${url.password}` !== '') return false;
  return url.protocol === 'https:' || isLoopback(text);
}

function isLoopback(text: string): boolean {
  const url = URL.parse(text);
  return url?.protocol === 'http:' && /^(?:127\.\d+\.\d+\.\d+|::1)$/.test(withoutBrackets(url.hostname));
}

/** RFC 6749, section 3.3. */
function areScopes(text: string): boolean {
  const scopes = text.split(' ');
  return scopes.includes('openid') && scopes.every((scope) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope));
}
