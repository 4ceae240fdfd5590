import { SCOPES, scopesIn } from '#kit/auth/scopes';
import type { AuthDeps } from '../deps';
import { OAuthError } from '../oauth/errors';
import { type GrantType, grantTypesOf } from '../oauth/grant-types';
import { signsIdTokens } from '../oauth/id-tokens';
import type { AppRegistration, RegisteredApp } from './model';
import { registerApp } from './registration';
import type { AppRow } from './store';

/** Whoever gives no name has this one on the consent page. */
const UNNAMED = 'An app without a name';

/**
 * Registers an app of anybody (RFC 7591). What is not registered as it was asked for is refused, but for metadata that this
 * system has no use for.
 *
 * @throws OAuthError
 */
export async function registerOpenApp(deps: AuthDeps, asked: AppRegistration): Promise<RegisteredApp> {
  const grantTypes = grantTypesIn(deps, asked.grant_types ?? ['authorization_code']);
  const responseTypes = grantTypes.includes('authorization_code') ? ['code'] : [];
  if (asked.response_types !== undefined && !Bun.deepEquals(asked.response_types, responseTypes))
    throw new OAuthError('invalid_client_metadata', 'The response type code goes with authorization_code.');
  const { app, secret } = await registerApp(deps, {
    kind: 'open',
    name: asked.client_name ?? UNNAMED,
    website: asked.client_uri ?? null,
    redirectUris: asked.redirect_uris ?? [],
    scopes: asked.scope === undefined ? Object.keys(SCOPES) : scopesIn(asked.scope),
    grantTypes,
    authMethod: asked.token_endpoint_auth_method ?? 'client_secret_basic',
  });
  return {
    ...viewOf(app),
    response_types: responseTypes,
    ...(secret !== undefined && { client_secret: secret, client_secret_expires_at: 0 }),
    ...(signsIdTokens(deps.settings) && { id_token_signed_response_alg: deps.settings.algorithm }),
  };
}

function grantTypesIn(deps: AuthDeps, asked: readonly string[]): GrantType[] {
  const supported = grantTypesOf(deps);
  const grantTypes = supported.filter((type) => asked.includes(type));
  if (grantTypes.length === 0 || asked.some((type) => !supported.some((one) => one === type)))
    throw new OAuthError('invalid_client_metadata', 'A grant type is not one of grant_types_supported.');
  return grantTypes;
}

const viewOf = (app: AppRow) => ({
  client_id: app.id,
  client_id_issued_at: Math.floor(app.createdAt.getTime() / 1000),
  client_name: app.name,
  ...(app.website !== null && { client_uri: app.website }),
  redirect_uris: app.redirectUris,
  grant_types: app.grantTypes,
  token_endpoint_auth_method: app.authMethod,
  scope: app.scopes.join(' '),
});
