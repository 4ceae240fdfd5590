import { LRUCache } from 'lru-cache';
import { bearerTokenIn } from '#kit/auth/bearer';
import type { Caller } from '#kit/auth/caller';
import type { TokenVerifier } from '#kit/auth/tokens';
import { isField } from '../http1/field-lines';
import type { HeaderList } from '../http1/message';

/**
 * Users by their Authorization header, as far as it has been verified. Only a verified token identifies a user here: a
 * forged one must neither evade a limit nor use up another user's quota.
 */
export interface VerifiedCallers {
  /** The user of a header value; null while it is not verified. */
  userOf(authorization: string): string | null;
  /** Verifies a value in the background, for the requests that follow. */
  verifyInBackground(authorization: string): void;
  /** Verifies a value; then `userOf` knows its user if it is valid. Never rejects. */
  verify(authorization: string): Promise<void>;
}

const MAX_VERIFIED = 10_000;
const MAX_INVALID = 1_000;
const MAX_CONCURRENT = 64;
/** A revoked token stops identifying its user after this time. */
const REVERIFY_MS = 60_000;
/** A token that could not be verified is tried again after this time: auth may have been unavailable. */
const INVALID_MS = 5_000;

interface VerifiedCaller {
  readonly user: string;
  readonly reverifyAtMs: number;
  readonly expiresAtMs: number;
}

/** @param clock milliseconds since 1970 */
export function createVerifiedCallers(
  tokens: Pick<TokenVerifier, 'identify'>,
  clock: () => number = Date.now,
): VerifiedCallers {
  // A plain map in order of insertion: it is read for every request, where an LRU would reorder; a token is verified
  // again after a minute anyway.
  const verified = new Map<string, VerifiedCaller>();
  const invalid = new LRUCache<string, number>({ max: MAX_INVALID });
  const pending = new Map<string, Promise<void>>();

  async function verifyNow(authorization: string) {
    try {
      const token = bearerTokenIn(authorization);
      if (token === null) return;
      store(authorization, await tokens.identify(token));
    } catch {
      // The reason is for the service to report; here it identifies nobody.
      verified.delete(authorization);
      invalid.set(authorization, clock() + INVALID_MS);
    }
  }

  function store(authorization: string, { id, expiresAt }: Caller) {
    if (verified.size >= MAX_VERIFIED)
      for (const oldest of verified.keys()) if (verified.delete(oldest)) break;
    verified.set(authorization, {
      // The first character distinguishes it from an address.
      user: `@${id}`,
      reverifyAtMs: clock() + REVERIFY_MS,
      expiresAtMs: expiresAt * 1_000,
    });
  }

  function verifyInBackground(authorization: string) {
    if (pending.size < MAX_CONCURRENT) void verify(authorization);
  }

  async function verify(authorization: string): Promise<void> {
    if ((invalid.get(authorization) ?? 0) > clock()) return;
    const running = pending.get(authorization);
    if (running !== undefined) return running;
    // A substring of a request's head would retain the whole head.
    const copy = Buffer.from(authorization, 'latin1').toString('latin1');
    const verifying = verifyNow(copy).finally(() => pending.delete(copy));
    pending.set(copy, verifying);
    return verifying;
  }

  return {
    userOf(authorization) {
      const caller = verified.get(authorization);
      if (caller === undefined) return null;
      const nowMs = clock();
      if (nowMs >= caller.expiresAtMs) {
        verified.delete(authorization);
        return null;
      }
      if (nowMs >= caller.reverifyAtMs) verifyInBackground(authorization);
      return caller.user;
    },
    verifyInBackground,
    verify,
  };
}

/** The value of the Authorization header; null without one. */
export function authorizationIn(headers: HeaderList): string | null {
  for (const [name, value] of headers) if (name.length === 13 && isField(name, 'Authorization')) return value;
  return null;
}
