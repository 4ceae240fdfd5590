import { isScope, scopesIn } from '#kit/auth/scopes';
import type { TokenSettings } from '#kit/auth/tokens';
import { coversAll } from '../apps/consents';
import type { AppRow } from '../apps/store';
import { OAuthError } from './errors';
import { signsIdTokens } from './id-tokens';

/** What apps of Mastodon get that name no scope. */
const DEFAULT_OF_OLD_APPS = 'read';
/** Of Mastodon's operators. Its apps ask for everything they know; nobody can allow these here. */
const OF_OPERATORS = 'admin:';

/** Scopes that say something about a person. */
export const OF_A_PERSON = ['openid', 'profile', 'email', 'offline_access'];

/**
 * The scopes that an app asks a person for.
 *
 * @param text the parameter `scope`
 * @throws OAuthError `invalid_scope` for none, unknown ones, and more than the app has registered
 */
export function requestedScopes(
  settings: Pick<TokenSettings, 'algorithm'>,
  app: Pick<AppRow, 'kind' | 'scopes'>,
  text: string | undefined,
): string[] {
  const isMastodon = app.kind === 'mastodon';
  const asked = scopesIn(text ?? (isMastodon ? DEFAULT_OF_OLD_APPS : ''));
  const scopes = isMastodon ? asked.filter((name) => !isOfOperators(name)) : asked;
  if (scopes.length === 0) throw new OAuthError('invalid_scope', 'Name at least one scope.');
  if (!scopes.every(isScope))
    throw new OAuthError('invalid_scope', 'A scope is not one of scopes_supported.');
  if (!coversAll(app.scopes, scopes))
    throw new OAuthError('invalid_scope', 'The app has not registered one of the scopes.');
  if (scopes.includes('openid') && !signsIdTokens(settings))
    throw new OAuthError(
      'invalid_scope',
      'openid needs signing keys, which this system has none of (JWT_ALG).',
    );
  return scopes;
}

export const isOfOperators = (scope: string): boolean => scope.startsWith(OF_OPERATORS);
