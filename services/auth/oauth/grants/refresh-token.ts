import { isScope, scopesIn } from '#kit/auth/scopes';
import { coversAll } from '../../apps/consents';
import { InvalidRefreshToken } from '../../sessions/model';
import { exchangeRefreshToken, findSessionOf } from '../../sessions/service';
import { jwtResponse } from '../app-sessions';
import { OAuthError } from '../errors';
import { type Exchange, required } from './request';

const invalidToken = () =>
  new OAuthError('invalid_grant', 'The refresh token is unknown, expired, used, or of another client.');

/**
 * Exchanges a refresh token of the app for its successor and a new access token, which may have fewer scopes (RFC 6749, section
 * 6). The session keeps its own.
 */
export const exchangeRefresh: Exchange = async (deps, { app, form }) => {
  const refreshToken = required(form.refresh_token, 'refresh_token');
  const session = await findSessionOf(deps, refreshToken);
  if (session === undefined || session.appId !== app.id) throw invalidToken();
  const scopes = narrowed(session.scopes ?? [], form.scope);
  try {
    const { user, authorizations, ...exchanged } = await exchangeRefreshToken(deps, refreshToken, app.id);
    return await jwtResponse(deps, user, authorizations, {
      session: { ...exchanged.session, scopes },
      refreshToken: exchanged.refreshToken,
      nonce: null,
    });
  } catch (failure) {
    if (failure instanceof InvalidRefreshToken) throw invalidToken();
    throw failure;
  }
};

function narrowed(granted: readonly string[], asked: string | undefined): string[] {
  const scopes = asked === undefined ? [...granted] : scopesIn(asked);
  if (scopes.length === 0 || !scopes.every(isScope) || !coversAll(granted, scopes))
    throw new OAuthError('invalid_scope', 'The scopes are more than the person has allowed.');
  return scopes;
}
