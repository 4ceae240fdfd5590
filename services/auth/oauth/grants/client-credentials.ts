import { OPAQUE_TOKEN_PREFIX } from '#kit/auth/opaque-tokens';
import { isScope, scopesIn } from '#kit/auth/scopes';
import { uuidv7 } from '#kit/core/ids';
import { coversAll } from '../../apps/consents';
import { type AppRow, markAllowed } from '../../apps/store';
import type { AuthDeps } from '../../deps';
import { hashOf, newSecret } from '../../secrets';
import { OAuthError } from '../errors';
import { isOfOperators, OF_A_PERSON } from '../scopes';
import { deleteOldOwnTokens, insertAppToken } from '../store';
import type { Exchange } from './request';

/** Tokens of its own that an app has at a time: beyond it the oldest goes, as some have no end. */
const MAX_OWN_TOKENS = 100;

/** Issues a token of the app itself, which acts for nobody (RFC 6749, 4.4). */
export const exchangeClientCredentials: Exchange = async (deps, { app, form }) => {
  if (app.secretHash === null)
    throw new OAuthError('unauthorized_client', 'client_credentials needs a client secret.');
  const scopes = ownScopes(app, form.scope);
  const token = `${OPAQUE_TOKEN_PREFIX}${newSecret()}`;
  const createdAt = new Date(deps.now());
  const isMastodon = app.kind === 'mastodon';
  await insertAppToken(deps.database, {
    hash: hashOf(token),
    id: uuidv7(),
    appId: app.id,
    sessionId: null,
    scopes,
    createdAt,
    expiresAt: isMastodon ? null : new Date(deps.now() + deps.tokenLifetimeMs),
  });
  await deleteOldOwnTokens(deps.database, app.id, MAX_OWN_TOKENS);
  // An app of Mastodon asks for one before anybody has allowed it, and may never be heard of again.
  if (!isMastodon) await markAllowed(deps.database, app.id);
  return {
    access_token: token,
    token_type: 'Bearer',
    scope: scopes.join(' '),
    ...expiry(deps, isMastodon, createdAt),
  };
};

const expiry = (deps: AuthDeps, isMastodon: boolean, createdAt: Date) =>
  isMastodon
    ? { created_at: Math.floor(createdAt.getTime() / 1000) }
    : { expires_in: Math.floor(deps.tokenLifetimeMs / 1000) };

/** All that the app has registered and that needs no person, or what it asks for of that. */
function ownScopes({ kind, scopes }: AppRow, text: string | undefined): string[] {
  const registered = scopes.filter((scope) => !OF_A_PERSON.includes(scope));
  const asked = text === undefined ? registered : scopesIn(text);
  const own = kind === 'mastodon' ? asked.filter((name) => !isOfOperators(name)) : asked;
  if (own.length === 0 || !own.every(isScope) || !coversAll(registered, own))
    throw new OAuthError('invalid_scope', 'An app can have registered scopes that are about no person.');
  return own;
}
