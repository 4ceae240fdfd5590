/** RFC 8628, section 3.4. */
export const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code';

/** What an app can exchange for tokens. `password` only where it is switched on. */
export const GRANT_TYPES = [
  'authorization_code',
  'client_credentials',
  DEVICE_CODE,
  'password',
  'refresh_token',
] as const;
export type GrantType = (typeof GRANT_TYPES)[number];

/** Those of this system. */
export const grantTypesOf = ({ passwordGrant }: { passwordGrant: boolean }): GrantType[] =>
  GRANT_TYPES.filter((type) => type !== 'password' || passwordGrant);
