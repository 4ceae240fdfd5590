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

const uri = () => Type.String({ format: 'uri' });
const words = () => Type.Array(Type.String());

/** RFC 8414, section 2, and OpenID Connect Discovery, section 3: the optional members are about ID tokens. */
export const ServerMetadata = Type.Object({
  issuer: uri(),
  authorization_endpoint: uri(),
  token_endpoint: uri(),
  registration_endpoint: uri(),
  device_authorization_endpoint: uri(),
  introspection_endpoint: uri(),
  revocation_endpoint: uri(),
  userinfo_endpoint: Type.Optional(uri()),
  jwks_uri: uri(),
  scopes_supported: words(),
  response_types_supported: words(),
  response_modes_supported: words(),
  grant_types_supported: words(),
  code_challenge_methods_supported: words(),
  token_endpoint_auth_methods_supported: words(),
  introspection_endpoint_auth_methods_supported: words(),
  revocation_endpoint_auth_methods_supported: words(),
  authorization_response_iss_parameter_supported: Type.Boolean(),
  prompt_values_supported: words(),
  request_parameter_supported: Type.Boolean(),
  request_uri_parameter_supported: Type.Boolean(),
  claims_parameter_supported: Type.Boolean(),
  subject_types_supported: Type.Optional(words()),
  id_token_signing_alg_values_supported: Type.Optional(words()),
  claims_supported: Type.Optional(words()),
  service_documentation: uri(),
});
