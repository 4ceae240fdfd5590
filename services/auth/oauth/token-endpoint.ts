import type { AppRow } from '../apps/store';
import type { AuthDeps } from '../deps';
import { OAuthError } from './errors';
import { DEVICE_CODE, type GrantType, grantTypesOf } from './grant-types';
import { exchangeCode } from './grants/authorization-code';
import { exchangeClientCredentials } from './grants/client-credentials';
import { exchangeDeviceCode } from './grants/device-code';
import { exchangePassword } from './grants/password';
import { exchangeRefresh } from './grants/refresh-token';
import { type Exchange, type GrantRequest, required } from './grants/request';
import type { TokenResponse } from './model';

const EXCHANGES: Readonly<Record<GrantType, Exchange>> = {
  authorization_code: exchangeCode,
  client_credentials: exchangeClientCredentials,
  [DEVICE_CODE]: exchangeDeviceCode,
  password: exchangePassword,
  refresh_token: exchangeRefresh,
};

/** The grant type of a request for tokens. @throws OAuthError `unsupported_grant_type`, `unauthorized_client` */
export function grantTypeIn(deps: AuthDeps, { app, form }: Pick<GrantRequest, 'app' | 'form'>): GrantType {
  const name = required(form.grant_type, 'grant_type');
  const type = grantTypesOf(deps).find((one) => one === name);
  if (type === undefined) throw new OAuthError('unsupported_grant_type', 'The grant type is not supported.');
  if (!mayUse(app, type))
    throw new OAuthError('unauthorized_client', 'The app has not registered the grant type.');
  return type;
}

/** Whoever has a refresh token was given it. */
const mayUse = ({ grantTypes }: AppRow, type: GrantType): boolean =>
  type === 'refresh_token' || grantTypes.includes(type);

/** Exchanges a grant for tokens (RFC 6749, 3.2). @throws OAuthError */
export const exchangeGrant = (
  deps: AuthDeps,
  type: GrantType,
  request: GrantRequest,
): Promise<TokenResponse> => EXCHANGES[type](deps, request);
