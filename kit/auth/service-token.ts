import { hkdfSync } from 'node:crypto';
import { errors, jwtVerify, SignJWT } from 'jose';
import { LRUCache } from 'lru-cache';
import { defineProblem } from '../errors/problem';

export const ServiceTokenRefused = defineProblem('service-token.refused', 401, 'Invalid service token');

/** Long enough for clock skew and one deadline, short enough to be worthless in a memory dump. */
const LIFETIME_SECONDS = 60;
/** A token is replaced at half its lifetime, so that none expires in flight. */
const REUSE_MS = (LIFETIME_SECONDS * 1000) / 2;
const CLOCK_TOLERANCE_SECONDS = 5;
/** Distinguishes service tokens from any other kind of JWT (RFC 8725, section 3.11). */
const TOKEN_TYPE = 'service+jwt';
/** Callers reuse a token for half a minute: enough for many instances of every service. */
const MAX_CACHED_TOKENS = 1_000;

export interface ServiceTokens {
  /** A token that authenticates this process to `audience`; signed at most every 30 s. */
  tokenFor(audience: string): Promise<string>;
}

/**
 * Signs the tokens of internal calls.
 *
 * @param options.issuer the name of the calling service
 * @param options.secret INTERNAL_SECRET, the same in every process
 */
export function createServiceTokens(options: { issuer: string; secret: string }): ServiceTokens {
  const key = signingKey(options.secret);
  const tokens = new Map<string, { token: Promise<string>; replaceAtMs: number }>();
  return {
    tokenFor(audience) {
      const present = tokens.get(audience);
      if (present !== undefined && Date.now() < present.replaceAtMs) return present.token;
      const token = sign(key, options.issuer, audience);
      tokens.set(audience, { token, replaceAtMs: Date.now() + REUSE_MS });
      return token;
    },
  };
}

const sign = (key: Uint8Array, issuer: string, audience: string) =>
  new SignJWT()
    .setProtectedHeader({ alg: 'HS256', typ: TOKEN_TYPE })
    .setIssuer(issuer)
    .setAudience(audience)
    .setIssuedAt()
    .setExpirationTime(`${LIFETIME_SECONDS} seconds`)
    .sign(key);

/**
 * Creates the verifier of internal calls. It returns the name of the calling service, and throws ServiceTokenRefused when
 * the token is missing, forged, expired, or for another audience.
 *
 * @param options.audience the name of the called service
 * @param options.secret INTERNAL_SECRET
 */
export function createServiceTokenVerifier(options: {
  audience: string;
  secret: string;
}): (token: string | undefined) => Promise<string> {
  const key = signingKey(options.secret);
  const callers = new LRUCache<string, string>({ max: MAX_CACHED_TOKENS, ttlResolution: 0, perf: Date });

  return async (token) => {
    if (token === undefined) throw new ServiceTokenRefused();
    const cached = callers.get(token);
    if (cached !== undefined) return cached;
    const { caller, expiresAtMs } = await verify(key, options.audience, token);
    // At least 1: for the cache 0 is "never expires".
    callers.set(token, caller, { ttl: Math.max(1, expiresAtMs - Date.now()) });
    return caller;
  };
}

async function verify(key: Uint8Array, audience: string, token: string) {
  try {
    const { payload } = await jwtVerify(token, key, {
      algorithms: ['HS256'],
      typ: TOKEN_TYPE,
      audience,
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      requiredClaims: ['iss', 'exp', 'iat'],
      maxTokenAge: LIFETIME_SECONDS,
    });
    return { caller: payload.iss ?? '', expiresAtMs: (payload.exp ?? 0) * 1000 };
  } catch (failure) {
    if (failure instanceof errors.JOSEError) throw new ServiceTokenRefused({ cause: failure });
    throw failure;
  }
}

/** Derives a key for this purpose only, so that the secret can serve other purposes (HKDF, RFC 5869). */
const signingKey = (secret: string) =>
  new Uint8Array(hkdfSync('sha256', secret, '', 'rookery service token', 32));
