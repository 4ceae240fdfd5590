/**
 * Authorization server metadata (RFC 8414), also served where OpenID Connect clients look for it. There are no
 * authorization and token endpoints: users sign in with this service's own routes.
 *
 * @param issuer JWT_ISSUER, the public address of the gateway
 */
export function serverMetadata(issuer: string) {
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
