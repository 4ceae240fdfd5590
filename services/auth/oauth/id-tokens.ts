import { createHash } from 'node:crypto';
import { SignJWT } from 'jose';
import type { TokenSettings } from '#kit/auth/tokens';
import type { AuthDeps } from '../deps';

/** An app could not verify what is signed with a secret that only services have. */
export const signsIdTokens = ({ algorithm }: Pick<TokenSettings, 'algorithm'>): boolean =>
  algorithm !== 'HS256';

/**
 * Signs an ID token (OpenID Connect Core, section 2), with the keys of access tokens. Its type and audience are other ones, so
 * that no service takes it for an access token.
 */
export function signIdToken(
  deps: Pick<AuthDeps, 'keys' | 'settings' | 'tokenLifetimeMs' | 'now'>,
  subject: {
    appId: string;
    userId: string;
    signedInAt: Date;
    methods: readonly string[] | null;
    nonce: string | null;
    accessToken: string;
  },
): Promise<string> {
  const { settings } = deps;
  const { appId, userId, signedInAt, methods, nonce, accessToken } = subject;
  const { key, kid } = deps.keys.signingKey();
  const issuedAt = Math.floor(deps.now() / 1000);
  return new SignJWT({
    azp: appId,
    auth_time: Math.floor(signedInAt.getTime() / 1000),
    ...(methods !== null && { amr: [...methods] }),
    ...(nonce !== null && { nonce }),
    at_hash: accessTokenHash(settings, accessToken),
  })
    .setProtectedHeader({ alg: settings.algorithm, typ: 'JWT', ...(kid !== undefined && { kid }) })
    .setIssuer(settings.issuer)
    .setAudience(appId)
    .setSubject(userId)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + Math.floor(deps.tokenLifetimeMs / 1000))
    .sign(key);
}

/** The left half of the hash that the signature uses (OpenID Connect Core, 3.1.3.6); of Ed25519 that is SHA-512. */
function accessTokenHash({ algorithm }: TokenSettings, accessToken: string): string {
  const digest = createHash(algorithm === 'EdDSA' ? 'sha512' : 'sha256')
    .update(accessToken)
    .digest();
  return digest.subarray(0, digest.length / 2).toString('base64url');
}
