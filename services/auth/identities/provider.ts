import {
  AuthorizationResponseError,
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  type ClientAuth,
  ClientSecretBasic,
  ClientSecretPost,
  type Configuration,
  calculatePKCECodeChallenge,
  customFetch,
  discovery,
  enableNonRepudiationChecks,
  fetchUserInfo,
  None,
} from 'openid-client';
import type { Turn, WorkQueue } from '#kit/core/queues/work-queue';
import type { OutboundClient } from '#kit/http/outbound/client';
import { OutboundFailure } from '#kit/http/outbound/target';
import { type ForeignAccount, foreignAccountOf, isUsableSubject } from './account';
import { ForeignSignInRefused, ProviderUnavailable } from './model';
import { outboundFetch } from './outbound-fetch';
import type { ProviderSettings } from './settings';

/** What the browser brings back must match. */
export interface Expected {
  readonly state: string;
  readonly nonce: string;
  /** PKCE, RFC 7636. */
  readonly verifier: string;
}

/** Another OpenID provider: the authorization code flow with PKCE, `state`, `nonce` and `iss`. */
export interface SignInProvider extends Pick<ProviderSettings, 'name' | 'label' | 'trustsEmail'> {
  /** Where the browser goes to sign in. @throws ProviderUnavailable */
  authorizationUrl(redirectUri: string, expected: Expected): Promise<URL>;
  /**
   * Exchanges the code that the browser has brought back.
   *
   * @param callback the redirect URI with the query of the browser's request
   * @throws ForeignSignInRefused for an error, and for whatever is not of this provider, this sign-in and this moment
   * @param turn for whom: a provider that hangs keeps few waiting, and nobody at the others
   * @throws ProviderUnavailable, ServiceOverloaded
   */
  finish(callback: URL, expected: Expected, turn: Turn): Promise<ForeignAccount>;
  /** @throws ProviderUnavailable unless it has answered lately */
  check(): Promise<void>;
}

/** Of one request to a provider. */
const TIMEOUT_MS = 5_000;
/** How long the metadata of a provider are used, and for how long when it does not answer any more. */
const FRESH_MS = 60 * 60_000;
const USABLE_MS = 24 * FRESH_MS;
/** A provider that did not answer is not asked again at once. */
const RETRY_MS = 5_000;

interface ProviderOptions {
  /** May reach the allowed ranges and the port of the issuer. */
  readonly outbound: OutboundClient;
  /** Of exchanges. */
  readonly queue: WorkQueue;
  readonly now: () => number;
  readonly timeoutMs?: number;
}

export function openProvider(
  settings: ProviderSettings,
  { outbound, queue, now, timeoutMs = TIMEOUT_MS }: ProviderOptions,
): SignInProvider {
  const { name, label, trustsEmail, issuer, scopes } = settings;
  const unavailable = (cause: unknown) =>
    new ProviderUnavailable({
      detail: `${label} cannot be reached at the moment. Try again later, or sign in another way.`,
      cause,
    });
  const discover = () =>
    discovery(new URL(issuer), settings.clientId, undefined, authenticationOf(settings), {
      algorithm: 'oidc',
      [customFetch]: outboundFetch(outbound, timeoutMs),
      timeout: timeoutMs / 1000,
      // The issuer decides: the settings refuse one without TLS but on loopback addresses in development.
      execute: [enableNonRepudiationChecks, ...(issuer.startsWith('http:') ? [allowInsecureRequests] : [])],
    });
  const configuration = remembered(discover, { now, unavailable });

  async function exchange(callback: URL, { state, nonce, verifier }: Expected): Promise<ForeignAccount> {
    const config = await configuration();
    try {
      const tokens = await authorizationCodeGrant(config, callback, {
        expectedState: state,
        expectedNonce: nonce,
        pkceCodeVerifier: verifier,
        idTokenExpected: true,
      });
      const claims = tokens.claims();
      if (claims === undefined || !isUsableSubject(claims.sub)) throw new Error('No usable ID token');
      const needsMore = claims.email === undefined && config.serverMetadata().userinfo_endpoint !== undefined;
      const more = needsMore ? await fetchUserInfo(config, tokens.access_token, claims.sub) : {};
      return foreignAccountOf(name, { ...more, ...claims });
    } catch (failure) {
      throw isOutbound(failure) ? unavailable(failure) : refused(failure, label);
    }
  }

  return {
    name,
    label,
    trustsEmail,
    async authorizationUrl(redirectUri, { state, nonce, verifier }) {
      const parameters = {
        redirect_uri: redirectUri,
        scope: scopes,
        state,
        nonce,
        code_challenge: await calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
      };
      const config = await configuration();
      try {
        // Not to `javascript:` and the like: it becomes a link on a page of ours.
        return buildAuthorizationUrl(config, parameters);
      } catch (failure) {
        throw unavailable(failure);
      }
    },
    finish: (callback, expected, turn) => queue.run(() => exchange(callback, expected), turn),
    check: async () => void (await configuration()),
  };
}

function refused(cause: unknown, label: string) {
  const detail =
    cause instanceof AuthorizationResponseError
      ? `${label} has not confirmed the sign-in. Begin again, or sign in another way.`
      : `The answer of ${label} could not be verified, so nobody was signed in.`;
  return new ForeignSignInRefused({ detail, cause });
}

/** The metadata of a provider: one request at a time however many ask, and the last ones while it does not answer. */
function remembered(
  discover: () => Promise<Configuration>,
  { now, unavailable }: { now: () => number; unavailable: (cause: unknown) => Error },
): () => Promise<Configuration> {
  let last: { configuration: Configuration; at: number } | undefined;
  let failed: { cause: unknown; at: number } | undefined;
  let running: Promise<void> | undefined;

  async function ask() {
    try {
      last = { configuration: await discover(), at: now() };
      failed = undefined;
    } catch (cause) {
      failed = { cause, at: now() };
    } finally {
      running = undefined;
    }
  }

  return async () => {
    const isFresh = last !== undefined && now() - last.at < FRESH_MS;
    const isTooEarly = failed !== undefined && now() - failed.at < RETRY_MS;
    if (!isFresh && !isTooEarly) {
      running ??= ask();
      await running;
    }
    if (last !== undefined && now() - last.at < USABLE_MS) return last.configuration;
    throw unavailable(failed?.cause);
  };
}

/** As the provider prefers; `client_secret_basic` is the default (OpenID Connect Discovery, section 3). */
function authenticationOf({ clientSecret }: ProviderSettings): ClientAuth {
  if (clientSecret === undefined) return None();
  const [basic, post] = [ClientSecretBasic(clientSecret), ClientSecretPost(clientSecret)];
  return (server, ...request) => {
    const methods = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    const authenticate = methods.includes('client_secret_basic') ? basic : post;
    authenticate(server, ...request);
  };
}

/** Whether a failure is one of the network, or of what came over it instead of the protocol. */
function isOutbound(failure: unknown): boolean {
  for (let cause = failure, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth++)
    if (cause instanceof OutboundFailure) return true;
  return false;
}
