import { Type } from '@sinclair/typebox';

/** RFC 7517, section 5: the members of a key depend on its type. */
export const KeySet = Type.Object({
  keys: Type.Array(
    Type.Object(
      { kty: Type.String({ examples: ['EC'] }), kid: Type.String(), alg: Type.String(), use: Type.String() },
      { additionalProperties: Type.Unknown() },
    ),
  ),
});

/** RFC 8414, section 2. */
export const ServerMetadata = Type.Object({
  issuer: Type.String({ format: 'uri' }),
  jwks_uri: Type.String({ format: 'uri' }),
  introspection_endpoint: Type.String({ format: 'uri' }),
  introspection_endpoint_auth_methods_supported: Type.Array(Type.String()),
  revocation_endpoint: Type.String({ format: 'uri' }),
  revocation_endpoint_auth_methods_supported: Type.Array(Type.String()),
  response_types_supported: Type.Array(Type.String()),
  grant_types_supported: Type.Array(Type.String()),
  service_documentation: Type.String({ format: 'uri' }),
});
