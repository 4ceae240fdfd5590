import { SCOPES } from '#kit/auth/scopes';
import type { TokenSettings } from '#kit/auth/tokens';
import { withoutTrailingSlashes } from '#kit/config/urls';
import { AUTH_METHODS } from '../apps/model';
import { PROMPTS, RESPONSE_MODE, RESPONSE_TYPE } from '../oauth/authorize/request';
import { grantTypesOf } from '../oauth/grant-types';
import { signsIdTokens } from '../oauth/id-tokens';
import { CHALLENGE_METHOD } from '../oauth/pkce';

/** Those with a secret. */
const CONFIDENTIAL = AUTH_METHODS.filter((method) => method !== 'none');

/**
 * Authorization server metadata (RFC 8414), the same where OpenID Connect clients look for it. It claims what works, and a test
 * exercises every claim. The endpoints of people's own sessions (`/auth/login` and others) are not part of it: apps cannot use
 * them.
 *
 * @param settings the issuer is the public address of the gateway (JWT_ISSUER)
 */
export function serverMetadata(
  settings: Pick<TokenSettings, 'algorithm' | 'issuer'>,
  { passwordGrant }: { passwordGrant: boolean },
) {
  const base = withoutTrailingSlashes(settings.issuer);
  return {
    issuer: settings.issuer,
    authorization_endpoint: `${base}/oauth/authorize`,
    token_endpoint: `${base}/oauth/token`,
    registration_endpoint: `${base}/oauth/register`,
    device_authorization_endpoint: `${base}/oauth/device_authorization`,
    introspection_endpoint: `${base}/oauth/introspect`,
    revocation_endpoint: `${base}/oauth/revoke`,
    jwks_uri: `${base}/.well-known/jwks.json`,
    scopes_supported: Object.keys(SCOPES).filter((scope) => scope !== 'openid' || signsIdTokens(settings)),
    response_types_supported: [RESPONSE_TYPE],
    response_modes_supported: [RESPONSE_MODE],
    grant_types_supported: grantTypesOf({ passwordGrant }),
    code_challenge_methods_supported: [CHALLENGE_METHOD],
    token_endpoint_auth_methods_supported: [...AUTH_METHODS],
    introspection_endpoint_auth_methods_supported: CONFIDENTIAL,
    revocation_endpoint_auth_methods_supported: [...AUTH_METHODS],
    authorization_response_iss_parameter_supported: true,
    prompt_values_supported: [...PROMPTS],
    request_parameter_supported: false,
    request_uri_parameter_supported: false,
    claims_parameter_supported: false,
    service_documentation: `${base}/docs`,
    ...(signsIdTokens(settings) && openIdMetadata(base, settings.algorithm)),
  };
}

/** OpenID Connect Discovery, section 3: what is about ID tokens. */
const openIdMetadata = (base: string, algorithm: string) => ({
  userinfo_endpoint: `${base}/oauth/userinfo`,
  subject_types_supported: ['public'],
  id_token_signing_alg_values_supported: [algorithm],
  claims_supported: [
    ...['iss', 'sub', 'aud', 'azp', 'exp', 'iat', 'auth_time', 'amr', 'nonce', 'at_hash'],
    ...['preferred_username', 'name', 'picture', 'email', 'email_verified'],
  ],
});
