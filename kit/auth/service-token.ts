import { decodeJwt, errors, jwtVerify, SignJWT } from 'jose';
import { LRUCache } from 'lru-cache';
import type { ServiceIdentity } from '../core/identity';
import { defineProblem } from '../errors/problem';

export const ServiceTokenRefused = defineProblem('service-token.refused', 401, 'Invalid service token');

/** Long enough for clock skew and one deadline, short enough to be worthless in a memory dump. */
const LIFETIME_SECONDS = 60;
/** A token is replaced at half its lifetime, so that none expires in flight. */
const REUSE_MS = (LIFETIME_SECONDS * 1000) / 2;
const CLOCK_TOLERANCE_SECONDS = 5;
/** Distinguishes service tokens from any other kind of JWT (RFC 8725, section 3.11). */
const TOKEN_TYPE = 'service+jwt';
/** RFC 8037. */
const ALGORITHM = 'EdDSA';
/** Callers reuse a token for half a minute: enough for many instances of every service. */
const MAX_CACHED_TOKENS = 1_000;
/** Ours have about 250. */
const MAX_TOKEN_CHARACTERS = 1_024;

export interface ServiceTokens {
  /** A token that authenticates this process to `audience`; signed at most every 30 s. */
  tokenFor(audience: string): Promise<string>;
}

/** Signs the tokens of internal calls with the key of the calling process. */
export function createServiceTokens(identity: ServiceIdentity): ServiceTokens {
  const tokens = new Map<string, { token: Promise<string>; replaceAtMs: number }>();
  return {
    tokenFor(audience) {
      const present = tokens.get(audience);
      if (present !== undefined && Date.now() < present.replaceAtMs) return present.token;
      const token = sign(identity, audience);
      tokens.set(audience, { token, replaceAtMs: Date.now() + REUSE_MS });
      return token;
    },
  };
}

const sign = ({ name, privateKey }: ServiceIdentity, audience: string) =>
  new SignJWT()
    .setProtectedHeader({ alg: ALGORITHM, typ: TOKEN_TYPE })
    .setIssuer(name)
    .setAudience(audience)
    .setIssuedAt()
    .setExpirationTime(`${LIFETIME_SECONDS} seconds`)
    .sign(privateKey);

/**
 * Creates the verifier of internal calls. It returns the name of the calling process, and throws ServiceTokenRefused when
 * the token is missing, forged, expired, for another audience, or not signed by the process it names.
 *
 * @param options.audience the name of the called service
 * @param options.identity knows the public keys of the callers
 */
export function createServiceTokenVerifier(options: {
  audience: string;
  identity: Pick<ServiceIdentity, 'publicKeysOf'>;
}): (token: string | undefined) => Promise<string> {
  const { audience, identity } = options;
  const verified = new LRUCache<string, Promise<Verified>>({ max: MAX_CACHED_TOKENS });

  return async (token) => {
    if (token === undefined || token.length > MAX_TOKEN_CHARACTERS) throw new ServiceTokenRefused();
    const cached = verified.get(token);
    // Concurrent first calls wait for one verification.
    const verifying = cached ?? verify(identity, audience, token);
    if (cached === undefined) verified.set(token, verifying);
    try {
      const { caller, expiresAtMs } = await verifying;
      if (cached === undefined || Date.now() < expiresAtMs) return caller;
    } catch (failure) {
      verified.delete(token);
      throw failure;
    }
    verified.delete(token);
    throw new ServiceTokenRefused();
  };
}

interface Verified {
  readonly caller: string;
  readonly expiresAtMs: number;
}

async function verify(
  identity: Pick<ServiceIdentity, 'publicKeysOf'>,
  audience: string,
  token: string,
): Promise<Verified> {
  let refusal: unknown;
  try {
    const { iss } = decodeJwt(token);
    for (const key of typeof iss === 'string' ? identity.publicKeysOf(iss) : []) {
      try {
        const { payload } = await jwtVerify(token, key, {
          algorithms: [ALGORITHM],
          typ: TOKEN_TYPE,
          audience,
          clockTolerance: CLOCK_TOLERANCE_SECONDS,
          requiredClaims: ['exp', 'iat'],
          maxTokenAge: LIFETIME_SECONDS,
        });
        return { caller: payload.iss ?? '', expiresAtMs: (payload.exp ?? 0) * 1000 };
      } catch (failure) {
        // Signed with another key of the caller, which is being replaced.
        if (!(failure instanceof errors.JWSSignatureVerificationFailed)) throw failure;
        refusal = failure;
      }
    }
  } catch (failure) {
    if (!(failure instanceof errors.JOSEError)) throw failure;
    refusal = failure;
  }
  throw new ServiceTokenRefused({ cause: refusal });
}
