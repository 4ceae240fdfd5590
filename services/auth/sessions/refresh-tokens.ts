import { createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto';

export const createRefreshToken = (): string => randomBytes(32).toString('base64url');

export const hashRefreshToken = (refreshToken: string): string =>
  createHash('sha256').update(refreshToken).digest('hex');

/**
 * Derives the successor of a refresh token. It is deterministic, so nothing has to be stored for a repeated use, and
 * unpredictable without both the token and the secret.
 */
export const successorOf = (refreshSecret: Uint8Array, refreshToken: string): string =>
  createHmac('sha256', refreshSecret).update(refreshToken).digest('base64url');

/** The secret for `successorOf`, the same in all instances. */
export const deriveRefreshSecret = (internalSecret: string): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', internalSecret, 'rookery', 'refresh tokens', 32));
