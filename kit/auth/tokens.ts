import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey, jwtVerify } from 'jose';
import type { Runtime } from '../core/runtime';
import { DependencyUnavailable, Unauthenticated } from '../errors/problem';
import type { IsRevoked } from './revocations';

export type TokenAlgorithm = 'EdDSA' | 'ES256' | 'RS256' | 'HS256';

/** What every verifier pins; a token that differs in one of them is refused. */
export interface TokenSettings {
  readonly algorithm: TokenAlgorithm;
  readonly issuer: string;
  readonly audience: string;
  /** Used with HS256 only. */
  readonly secret: string;
}

/** The claims of an access token (RFC 9068) as Rookery's auth service writes them. */
export const AccessClaims = Type.Object({
  sub: Type.String(),
  jti: Type.String(),
  sid: Type.String({ description: 'The session the token belongs to' }),
  exp: Type.Integer(),
  iat: Type.Integer(),
  username: Type.String(),
  roles: Type.Array(Type.String()),
  permissions: Type.Array(Type.String()),
});
export type AccessClaims = Static<typeof AccessClaims>;

/** Who is asking, as an access token says. */
export interface Caller {
  readonly id: string;
  readonly username: string;
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
  readonly sessionId: string;
  readonly tokenId: string;
  /** Seconds since 1970. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}

export interface TokenVerifier {
  /**
   * @throws Unauthenticated when the token is not good
   * @throws DependencyUnavailable when it cannot be told, because auth has not answered its keys or what is revoked yet
   */
  verify(token: string): Promise<Caller>;
}

/** RFC 9068, section 2.1. */
export const ACCESS_TOKEN_TYPE = 'at+jwt';

/** A verified token is believed this long without another check of its signature. */
const REMEMBER_MS = 30_000;
const REMEMBERED_TOKENS = 10_000;
/** jose's own defaults for remote key sets. */
const KEYS_AGE_MS = 600_000;
const KEYS_COOL_DOWN_MS = 30_000;
const CLOCK_TOLERANCE_SECONDS = 5;
/** Far above any token of ours; below what could be used to keep a verifier busy. */
const TOKEN_LENGTH = 8_192;

/**
 * Verifies access tokens in this process: pinned algorithm, issuer, audience and type, keys fetched from auth and
 * kept, verified tokens remembered for a short while by their hash.
 *
 * @param fetchKeys answers auth's current key set; not called with HS256
 * @param isRevoked asked for every token, remembered or not
 */
export function createTokenVerifier(
  settings: TokenSettings,
  fetchKeys: () => Promise<JSONWebKeySet>,
  isRevoked: IsRevoked = () => false,
): TokenVerifier {
  const key =
    settings.algorithm === 'HS256' ? new TextEncoder().encode(settings.secret) : cachedKeys(fetchKeys);
  const remembered = new Map<string, { caller: Caller; untilMs: number }>();

  async function check(token: string): Promise<Caller> {
    const options = {
      algorithms: [settings.algorithm],
      issuer: settings.issuer,
      audience: settings.audience,
      typ: ACCESS_TOKEN_TYPE,
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      requiredClaims: ['sub', 'jti', 'exp', 'iat'],
    };
    try {
      const { payload } = await (typeof key === 'function'
        ? jwtVerify(token, key, options)
        : jwtVerify(token, key, options));
      if (!Value.Check(AccessClaims, payload)) throw new Unauthenticated();
      if (payload.iat > Date.now() / 1000 + CLOCK_TOLERANCE_SECONDS) throw new Unauthenticated();
      return callerOf(payload);
    } catch (failure) {
      if (failure instanceof errors.JOSEError)
        throw new Unauthenticated({ cause: failure, headers: CHALLENGE });
      throw failure;
    }
  }

  return {
    async verify(token) {
      if (token.length > TOKEN_LENGTH) throw new Unauthenticated({ headers: CHALLENGE });
      const hash = new Bun.CryptoHasher('sha256').update(token).digest('base64');
      const known = remembered.get(hash);
      const now = Date.now();
      let caller = known && now < known.untilMs ? known.caller : undefined;
      if (caller === undefined) {
        caller = await check(token);
        if (remembered.size >= REMEMBERED_TOKENS) remembered.clear();
        remembered.set(hash, { caller, untilMs: Math.min(now + REMEMBER_MS, caller.expiresAt * 1000) });
      }
      if (await isRevoked(caller)) throw new Unauthenticated({ headers: CHALLENGE });
      return caller;
    },
  };
}

/** RFC 6750, section 3: what a refused token is answered with. */
export const CHALLENGE = { 'www-authenticate': 'Bearer error="invalid_token"' };

const callerOf = (claims: AccessClaims): Caller => ({
  id: claims.sub,
  username: claims.username,
  roles: claims.roles,
  permissions: claims.permissions,
  sessionId: claims.sid,
  tokenId: claims.jti,
  issuedAt: claims.iat,
  expiresAt: claims.exp,
});

/** A key set that is fetched when needed, kept, and fetched again for a key it does not know yet. */
function cachedKeys(fetchKeys: () => Promise<JSONWebKeySet>): JWTVerifyGetKey {
  let keys: JWTVerifyGetKey | undefined;
  let fetchedMs = Number.NEGATIVE_INFINITY;
  let running: Promise<void> | undefined;

  async function refresh() {
    try {
      keys = createLocalJWKSet(await fetchKeys());
      fetchedMs = performance.now();
    } catch (cause) {
      // With keys at hand, an auth service that is away is no reason to turn people away.
      if (keys === undefined)
        throw new DependencyUnavailable({
          detail: 'Tokens cannot be checked until the auth service answers.',
          headers: { 'retry-after': '2' },
          cause,
        });
      fetchedMs = performance.now() - KEYS_AGE_MS + KEYS_COOL_DOWN_MS;
    }
  }
  const refreshOnce = () => {
    running ??= refresh().finally(() => {
      running = undefined;
    });
    return running;
  };

  return async (header, token) => {
    if (keys === undefined || performance.now() - fetchedMs > KEYS_AGE_MS) await refreshOnce();
    if (keys === undefined) throw new DependencyUnavailable();
    try {
      return await keys(header, token);
    } catch (failure) {
      const rested = performance.now() - fetchedMs > KEYS_COOL_DOWN_MS;
      if (!(failure instanceof errors.JWKSNoMatchingKey) || !rested) throw failure;
      await refreshOnce();
      return keys(header, token);
    }
  };
}

/** Fetches auth's key set from any instance the registry knows. */
export function keysFromAuth(
  runtime: Runtime,
  registry: { instances(name: string): readonly { host: string; port: number }[] },
): () => Promise<JSONWebKeySet> {
  return async () => {
    const instances = registry.instances('auth');
    if (instances.length === 0) throw new Error('No auth instance is registered');
    let failure: unknown;
    for (const { host, port } of instances) {
      try {
        const response = await fetch(`http://${host}:${port}/.well-known/jwks.json`, {
          signal: AbortSignal.timeout(2_000),
        });
        if (!response.ok) throw new Error(`auth answered its key set with ${response.status}`);
        return (await response.json()) as JSONWebKeySet;
      } catch (cause) {
        runtime.log.warn({ err: String(cause) }, `could not fetch keys from ${host}:${port}`);
        failure = cause;
      }
    }
    throw failure;
  };
}

/** The environment variables of access tokens. */
export interface TokenEnvironment {
  readonly JWT_ALG: TokenAlgorithm;
  readonly JWT_SECRET: string;
  readonly JWT_ISSUER: string;
  readonly JWT_AUDIENCE: string;
}

/** The pinned token settings of this environment. */
export const tokenSettings = (env: TokenEnvironment): TokenSettings => ({
  algorithm: env.JWT_ALG,
  issuer: env.JWT_ISSUER,
  audience: env.JWT_AUDIENCE,
  secret: env.JWT_SECRET,
});
