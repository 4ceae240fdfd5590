import type { Caller } from './caller';

/** A revocation of access tokens. */
export interface Revocation {
  readonly kind: 'token' | 'session' | 'user';
  /** The id of the token, the session or the user. */
  readonly subject: string;
  /** For kind `user`: tokens issued up to then are revoked. Seconds since 1970; ignored for other kinds. */
  readonly issuedUntil: number;
  /** When all tokens it applies to have expired. Seconds since 1970. */
  readonly expiresAt: number;
}

export interface Denylist {
  add(revocation: Revocation): void;
  isRevoked(caller: Pick<Caller, 'id' | 'sessionId' | 'tokenId' | 'issuedAt'>): boolean;
  /** The issue time up to which a user's tokens are revoked, in seconds since 1970: a new one must be later. Usually 0. */
  revokedUntil(userId: string): number;
}

/** About 10 MB. Reached only when this many users sign out within the lifetime of one access token. */
const MAX_ENTRIES = 100_000;

/**
 * Creates an in-memory denylist, consulted for every token. When it is full, expired entries are evicted first and then
 * the oldest, whose tokens have the least time left.
 *
 * Not an `lru-cache`: lookups must not change the order of eviction, and a cache of this size would allocate several MB
 * in every process, of which nearly all hold a few entries.
 */
export function createDenylist(options: { maxEntries?: number; now?: () => number } = {}): Denylist {
  const maxEntries = options.maxEntries ?? MAX_ENTRIES;
  const now = options.now ?? Date.now;
  const entries = new Map<string, Revocation>();

  const revokedUntil = (userId: string) => entries.get(`user ${userId}`)?.issuedUntil ?? 0;

  function evict(): void {
    const seconds = now() / 1000;
    for (const [key, entry] of entries) if (entry.expiresAt < seconds) entries.delete(key);
    const [oldest] = entries.keys();
    if (entries.size >= maxEntries && oldest !== undefined) entries.delete(oldest);
  }

  return {
    add(revocation) {
      const key = `${revocation.kind} ${revocation.subject}`;
      const known = entries.get(key);
      if (known !== undefined && known.issuedUntil >= revocation.issuedUntil) return;
      if (entries.size >= maxEntries) evict();
      entries.set(key, revocation);
    },
    isRevoked(caller) {
      // The usual case.
      if (entries.size === 0) return false;
      if (entries.has(`token ${caller.tokenId}`) || entries.has(`session ${caller.sessionId}`)) return true;
      return caller.issuedAt <= revokedUntil(caller.id);
    },
    revokedUntil,
  };
}
