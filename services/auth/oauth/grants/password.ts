import { lockByUserId } from '../../credentials/store';
import { SecondFactorRequired } from '../../second-factors/model';
import { InvalidCredentials } from '../../sessions/model';
import { verifyPasswordAlone } from '../../sessions/sign-in';
import { openAppSession } from '../app-sessions';
import { OAuthError } from '../errors';
import { requestedScopes } from '../scopes';
import { type Exchange, required } from './request';

const invalidPassword = () => new OAuthError('invalid_grant', 'Wrong username or password.');
const needsSecondFactor = () =>
  new OAuthError('invalid_grant', 'This account has second factors: use the authorization code grant.');

/**
 * Exchanges a person's password for tokens, where it is switched on: for old clients of one's own. OAuth 2.1 has no such grant, as
 * it hands passwords to apps and knows no second factor: who has one is refused.
 */
export const exchangePassword: Exchange = async (deps, { app, form, client, lifetime }) => {
  const name = required(form.username, 'username');
  const password = required(form.password, 'password');
  const scopes = requestedScopes(deps.settings, app, form.scope);
  const input = { password, ...(name.includes('@') ? { email: name } : { username: name }) };
  const from = { client, lifetime, device: undefined };
  try {
    const { user, verifiedHash } = await verifyPasswordAlone(deps, input, from);
    const signedInAt = new Date(deps.now());
    const grant = { app, userId: user.userId, scopes, signedInAt, methods: ['pwd'], nonce: null, client };
    return await openAppSession(deps, grant, async (transaction) => {
      const stored = await lockByUserId(transaction, user.userId);
      if (stored?.passwordHash !== verifiedHash || !stored.active) throw new InvalidCredentials();
    });
  } catch (failure) {
    if (failure instanceof InvalidCredentials) throw invalidPassword();
    if (failure instanceof SecondFactorRequired) throw needsSecondFactor();
    throw failure;
  }
};
