import { LRUCache } from 'lru-cache';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Caller } from './caller';

/** About 10 MB with the callers' permissions. */
const MAX_TOKENS = 10_000;

/**
 * The callers of tokens whose signature was verified, until they expire. Whoever reads it asks for revocations as well:
 * they are no property of the signature.
 */
export interface VerifiedTokens {
  /** The caller of a verified token; undefined for an unknown or expired one. */
  get(token: string): Caller | undefined;
  set(token: string, caller: Caller): void;
  /** Forgets all of them, because a key may have been withdrawn. */
  clear(): void;
}

/**
 * Keyed by the SHA-256 of a token, so that memory holds no credential.
 *
 * @param metrics where entries, hits and misses are counted
 * @param options.maxTokens beyond it the least recently used one is evicted
 * @param options.now milliseconds since 1970
 */
export function createVerifiedTokens(
  metrics: Registry,
  options: { maxTokens?: number; now?: () => number } = {},
): VerifiedTokens {
  const now = options.now ?? Date.now;
  const callers = new LRUCache<string, Caller>({ max: options.maxTokens ?? MAX_TOKENS });
  const lookups = { hit: 0, miss: 0 };
  observe(metrics, () => callers.size, lookups);

  return {
    get(token) {
      const key = keyOf(token);
      const caller = callers.get(key);
      if (caller !== undefined && now() < caller.expiresAt * 1_000) {
        lookups.hit++;
        return caller;
      }
      if (caller !== undefined) callers.delete(key);
      lookups.miss++;
      return undefined;
    },
    set(token, caller) {
      callers.set(keyOf(token), caller);
    },
    clear: () => callers.clear(),
  };
}

const keyOf = (token: string): string => Bun.SHA256.hash(token, 'base64');

/** Counted here and read at scrape time: a labelled counter would cost as much as the look-up. */
function observe(registry: Registry, size: () => number, lookups: { hit: number; miss: number }): void {
  const registers = [registry];
  new Gauge({
    name: 'verified_tokens_cached',
    help: 'Access tokens whose verification is remembered',
    registers,
    collect() {
      this.set(size());
    },
  });
  new Counter({
    name: 'verified_tokens_lookups_total',
    help: 'Look-ups of verified access tokens, by result',
    labelNames: ['result'] as const,
    registers,
    collect() {
      this.reset();
      this.inc({ result: 'hit' }, lookups.hit);
      this.inc({ result: 'miss' }, lookups.miss);
    },
  });
}
