import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import { authorityOf, instanceUrl } from '../core/address';
import { fetchTls } from '../core/internal-tls';
import type { Runtime } from '../core/runtime';
import { singleFlight } from '../core/single-flight';
import { DependencyUnavailable, Unauthenticated } from '../errors/problem';
import type { Caller } from './caller';
import type { IsRevoked } from './revocations';

export type TokenAlgorithm = 'EdDSA' | 'ES256' | 'RS256' | 'HS256';

/** Pinned by every verifier: a token that differs in one of them is rejected. */
export interface TokenSettings {
  readonly algorithm: TokenAlgorithm;
  readonly issuer: string;
  readonly audience: string;
  /** Used with HS256 only. */
  readonly secret: string;
}

/** The claims of an access token (RFC 9068) issued by the auth service. */
export const AccessClaims = Type.Object({
  sub: Type.String(),
  jti: Type.String(),
  sid: Type.String({ description: 'The session the token belongs to' }),
  exp: Type.Integer(),
  iat: Type.Integer(),
  /** RFC 9068, section 2.2.1. Tokens of earlier versions have none. */
  auth_time: Type.Optional(Type.Integer()),
  username: Type.String(),
  roles: Type.Array(Type.String()),
  permissions: Type.Array(Type.String()),
});
export type AccessClaims = Static<typeof AccessClaims>;

export interface TokenVerifier {
  /**
   * Verifies an access token.
   *
   * @throws Unauthenticated when the token is invalid, expired or revoked
   * @throws DependencyUnavailable when keys or revocations could not be loaded from the auth service yet
   */
  verify(token: string): Promise<Caller>;
  /** Whether operators must have signed in recently for what they change (`kit/http/recent-sign-in`). */
  readonly operatorsSignInAgain?: boolean;
}

/** RFC 9068, section 2.1. */
export const ACCESS_TOKEN_TYPE = 'at+jwt';

/** How long a verified token is accepted without another check of its signature. */
const CACHE_MS = 30_000;
const MAX_CACHED_TOKENS = 10_000;
/** jose's defaults for remote key sets. */
const KEYS_MAX_AGE_MS = 600_000;
const KEYS_COOL_DOWN_MS = 30_000;
const CLOCK_TOLERANCE_SECONDS = 5;
/** Far above the length of a valid token, and too short to keep a verifier busy. */
const MAX_TOKEN_LENGTH = 8_192;

/**
 * Creates a local verifier of access tokens: pinned algorithm, issuer, audience and type, keys fetched from the auth
 * service and cached, verified tokens cached by their hash for 30 s.
 *
 * @param fetchKeys returns the current key set of the auth service; not called with HS256
 * @param isRevoked called for every token, cached or not
 * @param options.operatorsSignInAgain as in `TokenVerifier`; false by default
 */
export function createTokenVerifier(
  settings: TokenSettings,
  fetchKeys: () => Promise<JSONWebKeySet>,
  isRevoked: IsRevoked = () => false,
  { operatorsSignInAgain = false }: { operatorsSignInAgain?: boolean } = {},
): TokenVerifier {
  const key =
    settings.algorithm === 'HS256' ? new TextEncoder().encode(settings.secret) : cachedKeys(fetchKeys);
  const callers = new LRUCache<string, Caller>({ max: MAX_CACHED_TOKENS, ttlResolution: 0, perf: Date });

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
    operatorsSignInAgain,
    async verify(token) {
      if (token.length > MAX_TOKEN_LENGTH) throw new Unauthenticated({ headers: CHALLENGE });
      const hash = new Bun.CryptoHasher('sha256').update(token).digest('base64');
      let caller = callers.get(hash);
      if (caller === undefined) {
        caller = await check(token);
        // At least 1: for the cache 0 is "never expires".
        const ttl = Math.max(1, Math.min(CACHE_MS, caller.expiresAt * 1000 - Date.now()));
        callers.set(hash, caller, { ttl });
      }
      if (await isRevoked(caller)) throw new Unauthenticated({ headers: CHALLENGE });
      return caller;
    },
  };
}

/** RFC 6750, section 3: the challenge in a response to an invalid token. */
const CHALLENGE = { 'www-authenticate': 'Bearer error="invalid_token"' };

const callerOf = (claims: AccessClaims): Caller => ({
  id: claims.sub,
  username: claims.username,
  roles: claims.roles,
  permissions: claims.permissions,
  sessionId: claims.sid,
  tokenId: claims.jti,
  signedInAt: claims.auth_time ?? 0,
  issuedAt: claims.iat,
  expiresAt: claims.exp,
});

/** A cached key set, fetched on first use, when it has expired, and for an unknown key. */
function cachedKeys(fetchKeys: () => Promise<JSONWebKeySet>): JWTVerifyGetKey {
  let keys: JWTVerifyGetKey | undefined;
  let fetchedMs = Number.NEGATIVE_INFINITY;

  const refresh = singleFlight(async () => {
    try {
      keys = createLocalJWKSet(await fetchKeys());
      fetchedMs = performance.now();
    } catch (cause) {
      // Cached keys remain in use while the auth service is unavailable.
      if (keys === undefined)
        throw new DependencyUnavailable({
          detail: 'Access tokens cannot be verified while the auth service is unavailable.',
          headers: { 'retry-after': '2' },
          cause,
        });
      fetchedMs = performance.now() - KEYS_MAX_AGE_MS + KEYS_COOL_DOWN_MS;
    }
  });

  return async (header, token) => {
    if (keys === undefined || performance.now() - fetchedMs > KEYS_MAX_AGE_MS) await refresh();
    if (keys === undefined) throw new DependencyUnavailable();
    try {
      return await keys(header, token);
    } catch (failure) {
      const mayRefresh = performance.now() - fetchedMs > KEYS_COOL_DOWN_MS;
      if (!(failure instanceof errors.JWKSNoMatchingKey) || !mayRefresh) throw failure;
      await refresh();
      return keys(header, token);
    }
  };
}

/** Fetches the key set from any registered instance of the auth service. */
export function keysFromAuth(
  runtime: Runtime,
  registry: { instances(name: string): readonly { host: string; port: number; tls?: boolean }[] },
): () => Promise<JSONWebKeySet> {
  return async () => {
    const instances = registry.instances('auth');
    if (instances.length === 0) throw new Error('No auth instance is registered');
    let failure: unknown;
    for (const instance of instances) {
      try {
        const response = await fetch(instanceUrl(instance, '/.well-known/jwks.json'), {
          signal: AbortSignal.timeout(2_000),
          ...fetchTls(runtime.internalTls, 'auth'),
        });
        if (!response.ok) throw new Error(`auth responded with ${response.status}`);
        return (await response.json()) as JSONWebKeySet;
      } catch (cause) {
        const address = authorityOf(instance.host, instance.port);
        runtime.log.warn({ err: String(cause) }, `Fetching keys from ${address} failed`);
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
