import type { Caller } from './caller';

/** Access tokens that are refused before their time. */
export interface Revocation {
  readonly kind: 'token' | 'session' | 'user';
  /** The id of the token, the session or the person. */
  readonly subject: string;
  /** Of kind `user`: tokens issued up to then are refused. Seconds since 1970; not looked at for the others. */
  readonly issuedUntil: number;
  /** When no token this is about can be good any more. Seconds since 1970. */
  readonly expiresAt: number;
}

export interface Denylist {
  add(revocation: Revocation): void;
  isRevoked(caller: Pick<Caller, 'id' | 'sessionId' | 'tokenId' | 'issuedAt'>): boolean;
  /** Up to when a person's tokens are refused, in seconds since 1970: a new one has to be of later. 0 for most. */
  refusedUntil(personId: string): number;
}

/** Some 10 MB. Reached only when this many people sign out within the life of one access token. */
const MOST_REVOCATIONS = 100_000;

/**
 * Revocations in memory, asked for with every token. Those whose tokens have ended are forgotten when there are many;
 * beyond the bound the oldest go first, whose tokens have the least time left.
 */
export function createDenylist(options: { most?: number; now?: () => number } = {}): Denylist {
  const most = options.most ?? MOST_REVOCATIONS;
  const now = options.now ?? Date.now;
  const entries = new Map<string, Revocation>();

  const refusedUntil = (personId: string) => entries.get(`user ${personId}`)?.issuedUntil ?? 0;

  function makeRoom(): void {
    const seconds = now() / 1000;
    for (const [key, entry] of entries) if (entry.expiresAt < seconds) entries.delete(key);
    const surplus = entries.size - most + 1;
    if (surplus <= 0) return;
    for (const key of [...entries.keys()].slice(0, surplus)) entries.delete(key);
  }

  return {
    add(revocation) {
      const key = `${revocation.kind} ${revocation.subject}`;
      const known = entries.get(key);
      if (known !== undefined && known.issuedUntil >= revocation.issuedUntil) return;
      if (entries.size >= most) makeRoom();
      entries.set(key, revocation);
    },
    isRevoked(caller) {
      // Nearly always there is nothing to look for.
      if (entries.size === 0) return false;
      if (entries.has(`token ${caller.tokenId}`) || entries.has(`session ${caller.sessionId}`)) return true;
      return caller.issuedAt <= refusedUntil(caller.id);
    },
    refusedUntil,
  };
}
