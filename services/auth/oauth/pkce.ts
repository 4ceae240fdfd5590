import { createHash } from 'node:crypto';
import { isSameHash } from '../secrets';

/** The only method: with `plain` whoever reads the request has the verifier (RFC 9700, section 2.1.1). */
export const CHALLENGE_METHOD = 'S256';

/** SHA-256 in base64url (RFC 7636, section 4.2). */
const CHALLENGE = /^[A-Za-z0-9_-]{43}$/;
/** RFC 7636, section 4.1. */
const VERIFIER = /^[A-Za-z0-9._~-]{43,128}$/;

export const isChallenge = (text: string): boolean => CHALLENGE.test(text);

/**
 * Whether a verifier is that of a challenge. Without a challenge there must be no verifier: an attacker could have removed the
 * challenge from the request (PKCE downgrade; RFC 9700, section 4.8.2).
 */
export function verifies(challenge: string | null, verifier: string | undefined): boolean {
  if (challenge === null) return verifier === undefined;
  if (verifier === undefined || !VERIFIER.test(verifier)) return false;
  return isSameHash(createHash('sha256').update(verifier).digest('base64url'), challenge);
}
