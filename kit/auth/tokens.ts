import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { errors, type JSONWebKeySet, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { Registry } from 'prom-client';
import { Unauthenticated } from '../errors/problem';
import { requiredPerson } from './app-access';
import type { Caller } from './caller';
import { createOpaqueTokens, type ExchangeToken, isOpaqueToken } from './opaque-tokens';
import { usablePermissions } from './operators';
import type { IsRevoked } from './revocations';
import { type Scope, scopesIn } from './scopes';
import { cachedKeys, sharedSecret } from './verification-keys';
import { createVerifiedTokens } from './verified-tokens';

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
  /** RFC 8176: how the person signed in. */
  amr: Type.Optional(Type.Array(Type.String())),
  /** RFC 9068, section 2.2. Earlier versions put the audience here. */
  client_id: Type.Optional(Type.String()),
  /** RFC 9068, section 2.2.3: of an app. A session of the person's own has none. */
  scope: Type.Optional(Type.String()),
  /** Absent where an app acts for nobody: then `sub` is the app. */
  username: Type.Optional(Type.String()),
  roles: Type.Array(Type.String()),
  permissions: Type.Array(Type.String()),
});
export type AccessClaims = Static<typeof AccessClaims>;

export interface TokenVerifier {
  /**
   * Verifies an access token, and admits its caller.
   *
   * @param scope what an app needs that acts for them; without it tokens of apps are refused
   * @throws Unauthenticated when the token is invalid, expired or revoked, or names no person
   * @throws InsufficientScope for an app without the scope
   * @throws DependencyUnavailable when keys or revocations could not be loaded from the auth service yet
   */
  verify(token: string, scope?: Scope): Promise<Caller>;
  /**
   * Verifies an access token and admits nobody: its caller may be an app that may not do what it asks for
   * (`admittedPerson`).
   *
   * @throws Unauthenticated when the token is invalid, expired or revoked
   * @throws DependencyUnavailable as `verify`
   */
  identify(token: string): Promise<Caller>;
  /**
   * What `identify` returns, at once, for a token that this process has verified before: for every request but the first
   * one of a token.
   *
   * @returns undefined for a token that `identify` must look at: a new, expired or revoked one
   */
  identified(token: string): Caller | undefined;
  /** Whether operators must have signed in recently for what they change (`kit/http/recent-sign-in`). */
  readonly operatorsSignInAgain?: boolean;
}

/** What a process knows besides the settings of tokens. */
export interface VerifierOptions extends Pick<TokenVerifier, 'operatorsSignInAgain'> {
  /** Whether permissions are for sessions with a second factor only (`kit/auth/operators`); false by default. */
  readonly operatorsNeedSecondFactor?: boolean;
  readonly metrics?: Registry;
  /** Without it opaque tokens are refused. */
  readonly exchange?: ExchangeToken;
}

/** RFC 9068, section 2.1. */
export const ACCESS_TOKEN_TYPE = 'at+jwt';

const CLOCK_TOLERANCE_SECONDS = 5;
/** Far above the length of a valid token, and too short to keep a verifier busy. */
const MAX_TOKEN_LENGTH = 8_192;

/**
 * Creates a local verifier of access tokens: pinned algorithm, issuer, audience and type, keys fetched from the auth
 * service and cached. The signature of a token is verified once, and again when the keys have changed. An opaque token is
 * verified as the JWT that it is exchanged for.
 *
 * @param fetchKeys returns the current key set of the auth service; not called with HS256
 * @param isRevoked called for every token, cached or not
 * @param options.operatorsSignInAgain as in `TokenVerifier`; false by default
 * @param options.exchange exchanges opaque tokens of apps
 * @param options.metrics where cached tokens and exchanges are counted
 */
export function createTokenVerifier(
  settings: TokenSettings,
  fetchKeys: () => Promise<JSONWebKeySet>,
  isRevoked: IsRevoked = () => false,
  {
    operatorsSignInAgain = false,
    operatorsNeedSecondFactor = false,
    metrics = new Registry(),
    exchange = async () => null,
  }: VerifierOptions = {},
): TokenVerifier {
  const known = createVerifiedTokens(metrics);
  const opaque = createOpaqueTokens(exchange, metrics);
  const keys =
    settings.algorithm === 'HS256' ? sharedSecret(settings.secret) : cachedKeys(fetchKeys, known.clear);

  async function check(token: string): Promise<Caller> {
    const options = {
      algorithms: [settings.algorithm],
      issuer: settings.issuer,
      audience: settings.audience,
      typ: ACCESS_TOKEN_TYPE,
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      requiredClaims: ['sub', 'jti', 'exp', 'iat'],
    };
    let version = 0;
    const find: JWTVerifyGetKey = async (header, jws) => {
      const key = await keys.find(header, jws);
      version = keys.version;
      return key;
    };
    try {
      const { payload } = await jwtVerify(token, find, options);
      if (!Value.Check(AccessClaims, payload) || !namesHolder(payload)) throw new Unauthenticated();
      if (payload.iat > Date.now() / 1000 + CLOCK_TOLERANCE_SECONDS) throw new Unauthenticated();
      const caller = callerOf(payload, operatorsNeedSecondFactor);
      // Keys that have come meanwhile may be without this one.
      if (version === keys.version) known.set(token, caller);
      return caller;
    } catch (failure) {
      if (failure instanceof errors.JOSEError)
        throw new Unauthenticated({ cause: failure, headers: CHALLENGE });
      throw failure;
    }
  }

  async function identifyJwt(token: string): Promise<Caller> {
    if (token.length > MAX_TOKEN_LENGTH) throw new Unauthenticated({ headers: CHALLENGE });
    const caller = (keys.areFresh() ? known.get(token) : undefined) ?? (await check(token));
    if (await isRevoked(caller)) throw new Unauthenticated({ headers: CHALLENGE });
    return caller;
  }

  function identifiedJwt(token: string): Caller | undefined {
    if (token.length > MAX_TOKEN_LENGTH || !keys.areFresh()) return undefined;
    const caller = known.get(token);
    if (caller === undefined) return undefined;
    const revoked = isRevoked(caller);
    if (typeof revoked === 'boolean') return revoked ? undefined : caller;
    // Not known yet: `identify` asks as well, and reports a failure.
    revoked.catch(() => undefined);
    return undefined;
  }

  async function identifyOpaque(token: string): Promise<Caller> {
    const jwt = await opaque.exchange(token);
    if (jwt === null) throw new Unauthenticated({ headers: CHALLENGE });
    try {
      return await identifyJwt(jwt);
    } catch (failure) {
      if (!(failure instanceof Unauthenticated)) throw failure;
      opaque.forget(token, jwt);
      return identifyOther(token, jwt);
    }
  }

  /** With the JWT that a token stands for after another one was refused: its user's roles may have changed. */
  async function identifyOther(token: string, refused: string): Promise<Caller> {
    const jwt = await opaque.exchange(token);
    try {
      if (jwt === null || jwt === refused) throw new Unauthenticated({ headers: CHALLENGE });
      return await identifyJwt(jwt);
    } catch (failure) {
      if (failure instanceof Unauthenticated) opaque.refuse(token);
      throw failure;
    }
  }

  const identify = (token: string) => (isOpaqueToken(token) ? identifyOpaque(token) : identifyJwt(token));

  return {
    operatorsSignInAgain,
    verify: async (token, scope) => requiredPerson(await identify(token), scope),
    identify,
    identified(token) {
      const jwt = isOpaqueToken(token) ? opaque.known(token) : token;
      return jwt === undefined ? undefined : identifiedJwt(jwt);
    },
  };
}

/** RFC 6750, section 3: the challenge in a response to an invalid token. */
const CHALLENGE = { 'www-authenticate': 'Bearer error="invalid_token"' };

/** Only an app itself has no name. */
const namesHolder = ({ username, scope, client_id, sub }: AccessClaims): boolean =>
  username !== undefined || (scope !== undefined && client_id === sub);

const callerOf = (claims: AccessClaims, operatorsNeedSecondFactor: boolean): Caller => ({
  id: claims.sub,
  username: claims.username ?? '',
  roles: claims.roles,
  ...usablePermissions(claims, operatorsNeedSecondFactor),
  sessionId: claims.sid,
  tokenId: claims.jti,
  signedInAt: claims.auth_time ?? 0,
  ...(claims.amr !== undefined && { methods: claims.amr }),
  // A token with a scope is never one without limits.
  ...(claims.scope !== undefined && {
    app: { id: claims.client_id ?? '', scopes: scopesIn(claims.scope) },
  }),
  issuedAt: claims.iat,
  expiresAt: claims.exp,
});

/** The environment variables of access tokens. */
export interface TokenEnvironment {
  /** By default in production only. */
  readonly OPERATORS_NEED_SECOND_FACTOR?: boolean | undefined;
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
