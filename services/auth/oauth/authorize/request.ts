import { isRegisteredRedirectUri } from '../../apps/redirect-uris';
import { type AppRow, findApp } from '../../apps/store';
import type { AuthDeps } from '../../deps';
import { OAuthError, type OAuthErrorCode } from '../errors';
import { CHALLENGE_METHOD, isChallenge } from '../pkce';
import { requestedScopes } from '../scopes';

/** What an app asks a person for, checked. */
export interface AuthorizationRequest extends ReturnPath {
  readonly app: AppRow;
  readonly scopes: readonly string[];
  readonly codeChallenge: string | null;
  readonly nonce: string | null;
  readonly prompts: ReadonlySet<string>;
  /** Seconds; undefined for any. */
  readonly maxAge: number | undefined;
  readonly loginHint: string | undefined;
  /** Milliseconds since 1970: the sign-in that was asked for with `prompt=login` must be later. */
  readonly signedInAfter: number | undefined;
}

/** Where the response goes. */
export interface ReturnPath {
  readonly redirectUri: string;
  readonly state: string | undefined;
}

/** The app cannot be told: a redirect to an unknown place would make this server a tool of whoever made the link. */
export class UnusableRequest extends Error {}

/** The app is told what is wrong. */
export class RefusedRequest extends Error {
  constructor(
    readonly path: ReturnPath,
    readonly code: OAuthErrorCode,
    readonly description: string,
  ) {
    super(code);
  }
}

/** Of our own: see `signedInAfter`. Whoever adds it asks for more than without. */
export const SIGNED_IN_AFTER = 'signed_in_after';
export const PROMPTS = ['none', 'login', 'consent', 'select_account'] as const;
export const RESPONSE_TYPE = 'code';
export const RESPONSE_MODE = 'query';

/** Sent back in a URL, with others. */
const MAX_STATE_UNITS = 2_000;
const MAX_NONCE_UNITS = 1_000;
const MAX_HINT_UNITS = 254;

export type Parameters = Readonly<Record<string, string | undefined>>;

/**
 * Checks what an app asks for (RFC 6749, 4.1.1; OpenID Connect Core, 3.1.2.2). The app and the redirect URI come first.
 *
 * @throws UnusableRequest
 * @throws RefusedRequest
 */
export async function readAuthorizationRequest(
  deps: Pick<AuthDeps, 'database' | 'settings'>,
  parameters: Parameters,
): Promise<AuthorizationRequest> {
  const app = await findApp(deps.database, parameters.client_id ?? '');
  if (app === undefined) throw new UnusableRequest('This app is not known here.');
  const redirectUri = parameters.redirect_uri ?? '';
  if (!isRegisteredRedirectUri(app.redirectUris, redirectUri))
    throw new UnusableRequest('The app wants to send you to an address that it has not registered.');
  const { state } = parameters;
  if (state !== undefined && state.length > MAX_STATE_UNITS)
    throw new RefusedRequest({ redirectUri, state: undefined }, 'invalid_request', 'state is too long.');
  const path = { redirectUri, state };
  try {
    return { ...path, app, ...checked(deps, app, parameters) };
  } catch (failure) {
    if (failure instanceof OAuthError) throw new RefusedRequest(path, failure.code, failure.description);
    throw failure;
  }
}

function checked(deps: Pick<AuthDeps, 'settings'>, app: AppRow, parameters: Parameters) {
  requireCodeFlow(app, parameters);
  const codeChallenge = challengeIn(app, parameters);
  const scopes = requestedScopes(deps.settings, app, parameters.scope);
  return {
    scopes,
    codeChallenge,
    nonce: limited(parameters, 'nonce', MAX_NONCE_UNITS) ?? null,
    prompts: promptsIn(app, parameters),
    maxAge: secondsIn(parameters.max_age),
    loginHint: limited(parameters, 'login_hint', MAX_HINT_UNITS),
    signedInAfter: Number(parameters[SIGNED_IN_AFTER]) || undefined,
  };
}

function requireCodeFlow(app: AppRow, parameters: Parameters): void {
  const { response_type: responseType, response_mode: responseMode = RESPONSE_MODE } = parameters;
  if (responseType === undefined) throw invalid('response_type is missing.');
  if (responseType !== RESPONSE_TYPE)
    throw new OAuthError('unsupported_response_type', 'response_type is code.');
  if (!app.grantTypes.includes('authorization_code'))
    throw new OAuthError('unauthorized_client', 'The app has not registered authorization_code.');
  if (responseMode !== RESPONSE_MODE) throw invalid('response_mode is query.');
  for (const name of ['request', 'request_uri', 'registration'] as const)
    if (parameters[name] !== undefined)
      throw new OAuthError(`${name}_not_supported`, `${name} is not supported.`);
}

/** PKCE (RFC 7636) is optional for apps that are older than it. */
function challengeIn({ kind }: AppRow, parameters: Parameters): string | null {
  const { code_challenge: challenge, code_challenge_method: method } = parameters;
  if (challenge === undefined) {
    if (method !== undefined) throw invalid('code_challenge is missing.');
    if (kind !== 'mastodon') throw invalid('PKCE is required: code_challenge is missing.');
    return null;
  }
  if (method !== CHALLENGE_METHOD) throw invalid('code_challenge_method is S256.');
  if (!isChallenge(challenge)) throw invalid('code_challenge is malformed.');
  return challenge;
}

function promptsIn({ kind }: AppRow, parameters: Parameters): Set<string> {
  const prompts = new Set((parameters.prompt ?? '').split(' ').filter((word) => word !== ''));
  for (const prompt of prompts)
    if (!PROMPTS.some((one) => one === prompt)) throw invalid('prompt has an unknown value.');
  if (prompts.has('none') && prompts.size > 1) throw invalid('prompt is none or something else.');
  // As apps of Mastodon ask for it.
  if (kind === 'mastodon' && parameters.force_login === 'true') prompts.add('login');
  return prompts;
}

function secondsIn(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[0-9]{1,10}$/.test(text)) throw invalid('max_age is a number of seconds.');
  return Number(text);
}

function limited(parameters: Parameters, name: string, maxUnits: number): string | undefined {
  const value = parameters[name];
  if (value !== undefined && value.length > maxUnits) throw invalid(`${name} is too long.`);
  return value;
}

const invalid = (description: string) => new OAuthError('invalid_request', description);
