/**
 * What clients may find out by themselves (RFC 8414; also where OpenID Connect clients look). Nothing is listed that
 * is not there: people sign in with this service's own routes, so there is no authorization or token endpoint.
 *
 * @param issuer JWT_ISSUER, the address the gateway is reached at
 */
export function authorizationServer(issuer: string) {
  const base = issuer.replace(/\/$/, '');
  return {
    issuer,
    jwks_uri: `${base}/.well-known/jwks.json`,
    introspection_endpoint: `${base}/auth/introspect`,
    introspection_endpoint_auth_methods_supported: ['Bearer'],
    revocation_endpoint: `${base}/auth/revoke`,
    revocation_endpoint_auth_methods_supported: ['none'],
    response_types_supported: [],
    grant_types_supported: [],
    service_documentation: `${base}/docs`,
  };
}
