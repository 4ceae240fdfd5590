import { isScope } from '#kit/auth/scopes';
import { uuidv7 } from '#kit/core/ids';
import { hasDirectionControl } from '#kit/text/visible';
import type { AuthDeps } from '../deps';
import { OAuthError } from '../oauth/errors';
import { DEVICE_CODE, type GrantType } from '../oauth/grant-types';
import { hashOf, newSecret } from '../secrets';
import type { AuthMethod } from './model';
import { isRedirectUri, MAX_REDIRECT_URIS } from './redirect-uris';
import * as store from './store';

/** An app that wants to be known. */
export interface NewApp {
  readonly kind: store.AppRow['kind'];
  readonly name: string;
  /** Shown as a link: `parseWebUrl` has taken it. */
  readonly website: string | null;
  readonly redirectUris: readonly string[];
  readonly scopes: readonly string[];
  readonly grantTypes: readonly GrantType[];
  readonly authMethod: AuthMethod;
}

/** The apps that nobody has allowed yet: beyond it the oldest go, so that a flood of them locks nobody out. */
const MAX_UNUSED_APPS = 50_000;
const EVICTED_AT_ONCE = 100;

/** For apps that act for themselves, or for a person without a browser of their own. */
const WITHOUT_REDIRECT = new Set<GrantType>(['client_credentials', DEVICE_CODE, 'password', 'refresh_token']);

/**
 * Registers an app.
 *
 * @returns the app, and its secret unless it is a public client; only the hash of it is stored
 * @throws OAuthError `invalid_redirect_uri`, `invalid_client_metadata`
 */
export async function registerApp(
  deps: Pick<AuthDeps, 'database' | 'now'>,
  wanted: NewApp,
): Promise<{ app: store.AppRow; secret: string | undefined }> {
  const redirectUris = [...new Set(wanted.redirectUris)];
  requireName(wanted.name);
  requireRedirectUris(redirectUris, wanted);
  requireScopes(wanted.scopes);
  if (wanted.authMethod === 'none' && wanted.grantTypes.includes('client_credentials'))
    throw new OAuthError('invalid_client_metadata', 'An app without a secret cannot use client_credentials.');
  const secret = wanted.authMethod === 'none' ? undefined : newSecret();
  const app: store.AppRow = {
    id: uuidv7(),
    secretHash: secret === undefined ? null : hashOf(secret),
    kind: wanted.kind,
    name: wanted.name,
    website: wanted.website,
    redirectUris,
    scopes: [...wanted.scopes],
    grantTypes: [...wanted.grantTypes],
    authMethod: wanted.authMethod,
    allowed: false,
    createdAt: new Date(deps.now()),
  };
  await store.insertApp(deps.database, app);
  await evictUnused(deps);
  return { app, secret };
}

/** A person decides by a sentence that has the name in it. */
function requireName(name: string): void {
  if (hasDirectionControl(name))
    throw new OAuthError(
      'invalid_client_metadata',
      'client_name has no characters that change the direction of text.',
    );
}

function requireRedirectUris(uris: readonly string[], { grantTypes }: NewApp): void {
  const invalid = (description: string) => new OAuthError('invalid_redirect_uri', description);
  if (uris.length > MAX_REDIRECT_URIS) throw invalid(`At most ${MAX_REDIRECT_URIS} redirect URIs.`);
  if (!uris.every(isRedirectUri))
    throw invalid(
      'A redirect URI is https, http on the loopback interface, or of a scheme of the app, without fragment and credentials.',
    );
  const needsNone = grantTypes.every((type) => WITHOUT_REDIRECT.has(type));
  if (uris.length === 0 && !needsNone) throw invalid('authorization_code needs a redirect URI.');
}

function requireScopes(scopes: readonly string[]): void {
  if (!scopes.every(isScope))
    throw new OAuthError('invalid_client_metadata', 'A scope is not one of scopes_supported.');
}

async function evictUnused(deps: Pick<AuthDeps, 'database'>): Promise<void> {
  const since = await store.unusedSince(deps.database, MAX_UNUSED_APPS);
  if (since !== undefined) await store.deleteUnusedApps(deps.database, since, EVICTED_AT_ONCE);
}
