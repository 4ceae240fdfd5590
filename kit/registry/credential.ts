import { createHmac } from 'node:crypto';

/**
 * The registration credential of one service name. It registers instances of that service and of no other, so that a
 * service from elsewhere needs to be given this instead of the REGISTRY_TOKEN.
 *
 * @param token REGISTRY_TOKEN, from which all credentials are derived (HMAC-SHA256)
 * @param name of the service; `gateway` for watches that acknowledge drains
 */
export const registrationCredential = (token: string, name: string): string =>
  createHmac('sha256', token).update(`registration:${name}`).digest('base64url');

/** The registration credential of this process: its own, or in development the one that it derives from the token. */
export const ownCredential = (
  env: { readonly REGISTRY_CREDENTIAL: string | undefined; readonly REGISTRY_TOKEN: string },
  name: string,
): string => env.REGISTRY_CREDENTIAL ?? registrationCredential(env.REGISTRY_TOKEN, name);
