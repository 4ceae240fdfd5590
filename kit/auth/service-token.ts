import { hkdfSync } from 'node:crypto';
import { errors, jwtVerify, SignJWT } from 'jose';
import { defineProblem } from '../errors/problem';

export const ServiceTokenRefused = defineProblem(
  'service-token.refused',
  401,
  'A valid service token is needed',
);

/** Long enough for slow clocks and one deadline, short enough to be worthless when found in a dump. */
const LIFETIME_SECONDS = 60;
/** A token is replaced at half its life, so that none is sent that ends on the way. */
const REUSE_MS = (LIFETIME_SECONDS * 1000) / 2;
const CLOCK_TOLERANCE_SECONDS = 5;
/** Keeps a service token from being taken for any other kind of JWT (RFC 8725, section 3.11). */
const TOKEN_TYPE = 'service+jwt';
/** Callers reuse a token for half a minute: a few instances of every service fit many times over. */
const VERIFIED_TOKENS_KEPT = 1_000;

export interface ServiceTokens {
  /** A token by which `audience` knows this process; signed anew at most every 30 s. */
  tokenFor(audience: string): Promise<string>;
}

/**
 * Signs the tokens that go with internal calls.
 *
 * @param issuer the calling service's name
 * @param secret INTERNAL_SECRET, the same in every process
 */
export function createServiceTokens(options: { issuer: string; secret: string }): ServiceTokens {
  const key = signingKey(options.secret);
  const kept = new Map<string, { token: Promise<string>; replaceAtMs: number }>();
  return {
    tokenFor(audience) {
      const present = kept.get(audience);
      if (present !== undefined && Date.now() < present.replaceAtMs) return present.token;
      const token = sign(key, options.issuer, audience);
      kept.set(audience, { token, replaceAtMs: Date.now() + REUSE_MS });
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
 * Makes the check a service does on each internal call: returns the caller's name.
 *
 * @param audience the called service's own name
 * @throws ServiceTokenRefused when the token is missing, forged, for another service, or has ended
 */
export function createServiceTokenVerifier(options: {
  audience: string;
  secret: string;
}): (token: string | undefined) => Promise<string> {
  const key = signingKey(options.secret);
  const verified = new Map<string, { caller: string; endsAtMs: number }>();

  return async (token) => {
    if (token === undefined) throw new ServiceTokenRefused();
    const known = verified.get(token);
    if (known !== undefined && Date.now() < known.endsAtMs) return known.caller;
    const { caller, endsAtMs } = await verify(key, options.audience, token);
    if (verified.size >= VERIFIED_TOKENS_KEPT) verified.clear();
    verified.set(token, { caller, endsAtMs });
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
    return { caller: payload.iss ?? '', endsAtMs: (payload.exp ?? 0) * 1000 };
  } catch (failure) {
    if (failure instanceof errors.JOSEError) throw new ServiceTokenRefused({ cause: failure });
    throw failure;
  }
}

/** A key of its own for this one use, so that the secret can serve others without them meeting (RFC 5869). */
const signingKey = (secret: string) =>
  new Uint8Array(hkdfSync('sha256', secret, '', 'rookery service token', 32));
