import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { authorityOf, instanceUrl } from '../core/address';
import { fetchTls } from '../core/internal-tls';
import type { Runtime } from '../core/runtime';
import { singleFlight } from '../core/single-flight';
import { DependencyUnavailable } from '../errors/problem';

/** jose's defaults for remote key sets. */
const KEYS_MAX_AGE_MS = 600_000;
const KEYS_COOL_DOWN_MS = 30_000;

/** The keys that tokens are verified with. */
export interface VerificationKeys {
  readonly find: JWTVerifyGetKey;
  /** Whether what was verified with them still counts; otherwise they are fetched again first. */
  areFresh(): boolean;
  /** Rises whenever the keys change; 0 before they are known. */
  readonly version: number;
}

/** The one key of HS256, which every process has from its environment. */
export function sharedSecret(secret: string): VerificationKeys {
  const key = new TextEncoder().encode(secret);
  return { find: async () => key, areFresh: () => true, version: 0 };
}

/**
 * A cached key set, fetched on first use, when it has expired, and for an unknown key.
 *
 * @param onChange called when a fetched set differs from the one before
 */
export function cachedKeys(fetchKeys: () => Promise<JSONWebKeySet>, onChange: () => void): VerificationKeys {
  let keys: ReturnType<typeof createLocalJWKSet> | undefined;
  let text = '';
  let version = 0;
  let fetchedMs = Number.NEGATIVE_INFINITY;

  const refresh = singleFlight(async () => {
    try {
      const fetched = await fetchKeys();
      fetchedMs = performance.now();
      if (JSON.stringify(fetched) === text) return;
      keys = createLocalJWKSet(fetched);
      text = JSON.stringify(fetched);
      version++;
      onChange();
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

  const areFresh = () => performance.now() - fetchedMs <= KEYS_MAX_AGE_MS;

  return {
    async find(header, token) {
      if (keys === undefined || !areFresh()) await refresh();
      if (keys === undefined) throw new DependencyUnavailable();
      try {
        return await keys(header, token);
      } catch (failure) {
        const mayRefresh = performance.now() - fetchedMs > KEYS_COOL_DOWN_MS;
        if (!(failure instanceof errors.JWKSNoMatchingKey) || !mayRefresh) throw failure;
        await refresh();
        return keys(header, token);
      }
    },
    areFresh,
    get version() {
      return version;
    },
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
