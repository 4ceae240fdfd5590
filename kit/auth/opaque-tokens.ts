import { decodeJwt } from 'jose';
import { LRUCache } from 'lru-cache';
import { Counter, type Registry } from 'prom-client';
import { createWorkQueue, ServiceOverloaded } from '../core/queues/work-queue';
import { DependencyUnavailable } from '../errors/problem';

/** What the opaque access tokens of apps begin with; 43 characters of base64url follow. */
export const OPAQUE_TOKEN_PREFIX = 'rka_';
const LENGTH = OPAQUE_TOKEN_PREFIX.length + 43;

/** Whether a token says nothing by itself, and is exchanged at the auth service. */
export const isOpaqueToken = (token: string): boolean => token.startsWith(OPAQUE_TOKEN_PREFIX);

/**
 * Exchanges an opaque access token for a JWT that lives for a few minutes, at the auth service.
 *
 * @returns null for a token that is unknown, has expired or was revoked
 */
export type ExchangeToken = (token: string) => Promise<string | null>;

/** About 10 MB of JWTs. */
const MAX_KNOWN = 10_000;
const MAX_UNKNOWN = 10_000;
/** A token that is unknown is asked about again after this time. */
const UNKNOWN_MS = 10_000;
/** One whose JWTs were refused, after this: an instance of auth may not have heard of a revocation yet. */
const REFUSED_MS = 1_000;
/** Before its end a JWT is replaced, so that there is time in which auth may be away. */
const RENEW_BEFORE_MS = 60_000;
/** Until the next attempt, after one that failed. */
const RETRY_MS = 5_000;
/** Rubbish must not become the load of auth. */
const EXCHANGES = { concurrent: 32, waiting: 500, waitMs: 2_000 };

interface Known {
  readonly jwt: string;
  readonly expiresAtMs: number;
  renewAtMs: number;
}

/** The JWTs that opaque tokens stand for, as far as this process has seen them. */
export interface OpaqueTokens {
  /** The JWT, at once; undefined where `exchange` must be asked. */
  known(token: string): string | undefined;
  /**
   * The JWT, remembered or from the auth service, which is asked once at a time about a token.
   *
   * @returns null for an unknown token
   * @throws DependencyUnavailable when auth is unavailable, and no JWT is remembered that is still good
   */
  exchange(token: string): Promise<string | null>;
  /** Drops a JWT that has proved to be revoked. The token may be good still, and stand for another one. */
  forget(token: string, jwt: string): void;
  /** Takes a token for unknown, for a moment: both JWTs that it stood for were refused. */
  refuse(token: string): void;
}

/**
 * Keyed by the SHA-256 of a token, as `VerifiedTokens`.
 *
 * @param metrics where exchanges are counted
 * @param options.maxTokens as many known and unknown ones are remembered
 * @param options.now milliseconds since 1970
 */
export function createOpaqueTokens(
  ask: ExchangeToken,
  metrics: Registry,
  options: { maxTokens?: number; now?: () => number } = {},
): OpaqueTokens {
  const now = options.now ?? Date.now;
  const remembered = new LRUCache<string, Known>({ max: options.maxTokens ?? MAX_KNOWN });
  const unknown = new LRUCache<string, number>({ max: options.maxTokens ?? MAX_UNKNOWN });
  const running = new Map<string, Promise<string | null>>();
  const exchanges = createWorkQueue({ name: 'app token exchanges', metrics, limits: EXCHANGES });
  const count = new Counter({
    name: 'app_token_exchanges_total',
    help: 'Opaque access tokens that the auth service was asked about, by result',
    labelNames: ['result'] as const,
    registers: [metrics],
  });

  async function askAuth(key: string, token: string): Promise<string | null> {
    try {
      const jwt = await exchanges.run(() => ask(token));
      count.inc({ result: jwt === null ? 'unknown' : 'exchanged' });
      if (jwt === null) unknown.set(key, now() + UNKNOWN_MS);
      if (jwt === null) remembered.delete(key);
      else remembered.set(key, knownOf(jwt));
      return jwt;
    } catch (failure) {
      count.inc({ result: 'failed' });
      return rememberedThrough(failure, remembered.get(key));
    }
  }

  /** @returns a JWT that is still good while auth is unavailable */
  function rememberedThrough(failure: unknown, known: Known | undefined): string {
    if (known !== undefined && now() < known.expiresAtMs) {
      known.renewAtMs = Math.min(now() + RETRY_MS, known.expiresAtMs);
      return known.jwt;
    }
    if (failure instanceof ServiceOverloaded) throw failure;
    throw new DependencyUnavailable({
      detail: 'Access tokens of apps cannot be verified while the auth service is unavailable.',
      headers: { 'retry-after': '2' },
      cause: failure,
    });
  }

  function known(key: string): string | undefined {
    const found = remembered.get(key);
    return found !== undefined && now() < found.renewAtMs ? found.jwt : undefined;
  }

  return {
    known: (token) => known(keyOf(token)),
    async exchange(token) {
      if (token.length !== LENGTH) return null;
      const key = keyOf(token);
      const jwt = known(key);
      if (jwt !== undefined) return jwt;
      if ((unknown.get(key) ?? 0) > now()) return null;
      const asking = running.get(key) ?? askAuth(key, token).finally(() => running.delete(key));
      running.set(key, asking);
      return asking;
    },
    forget(token, jwt) {
      const key = keyOf(token);
      if (remembered.peek(key)?.jwt === jwt) remembered.delete(key);
    },
    refuse(token) {
      const key = keyOf(token);
      remembered.delete(key);
      unknown.set(key, now() + REFUSED_MS);
    },
  };
}

const keyOf = (token: string): string => Bun.SHA256.hash(token, 'base64');

function knownOf(jwt: string): Known {
  const expiresAtMs = (decodeJwt(jwt).exp ?? 0) * 1_000;
  return { jwt, expiresAtMs, renewAtMs: expiresAtMs - RENEW_BEFORE_MS };
}
