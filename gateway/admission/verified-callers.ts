import { bearerTokenIn } from '#kit/auth/bearer';
import type { Caller } from '#kit/auth/caller';
import type { TokenVerifier } from '#kit/auth/tokens';
import { isField } from '../http1/field-lines';
import type { HeaderList } from '../http1/message';

/**
 * Who is behind an Authorization header, as far as it is known at this moment. Only a verified token makes somebody a
 * user here: a forged one must neither evade a limit nor use up what is somebody else's.
 */
export interface VerifiedCallers {
  /** The user of a header value; null while nobody has verified it. */
  userOf(authorization: string): string | null;
  /** Has a value verified in the background, for the requests that follow. */
  learn(authorization: string): void;
}

const MOST_TOKENS = 10_000;
const MOST_REFUSED = 1_000;
const MOST_AT_ONCE = 64;
/** A token that was revoked stops being its user's after so long. */
const CHECK_AGAIN_MS = 60_000;
/** What could not be verified is tried again after so long: perhaps auth was not there yet. */
const REFUSED_MS = 5_000;

interface Known {
  readonly user: string;
  readonly checkAtMs: number;
  readonly untilMs: number;
}

/** @param clock milliseconds since 1970 */
export function createVerifiedCallers(
  tokens: TokenVerifier,
  clock: () => number = Date.now,
): VerifiedCallers {
  const known = new Map<string, Known>();
  const refused = new Map<string, number>();
  const checking = new Set<string>();

  async function check(authorization: string) {
    try {
      const token = bearerTokenIn(authorization);
      if (token === null) return;
      remember(authorization, await tokens.verify(token));
    } catch {
      // Why is the service's to say; here it only is nobody's token.
      known.delete(authorization);
      makeRoom(refused, MOST_REFUSED);
      refused.set(authorization, clock() + REFUSED_MS);
    }
  }

  function remember(authorization: string, { id, expiresAt }: Caller) {
    makeRoom(known, MOST_TOKENS);
    known.set(authorization, {
      // Told from an address by its first character.
      user: `@${id}`,
      checkAtMs: clock() + CHECK_AGAIN_MS,
      untilMs: expiresAt * 1_000,
    });
  }

  function learn(authorization: string) {
    if (checking.size >= MOST_AT_ONCE || checking.has(authorization)) return;
    if ((refused.get(authorization) ?? 0) > clock()) return;
    // A part of a request's head would keep the whole of it in memory.
    const copy = Buffer.from(authorization, 'latin1').toString('latin1');
    checking.add(copy);
    void check(copy).finally(() => checking.delete(copy));
  }

  return {
    userOf(authorization) {
      const caller = known.get(authorization);
      if (caller === undefined) return null;
      const nowMs = clock();
      if (nowMs >= caller.untilMs) {
        known.delete(authorization);
        return null;
      }
      if (nowMs >= caller.checkAtMs) learn(authorization);
      return caller.user;
    },
    learn,
  };
}

/** The oldest goes. */
function makeRoom(map: Map<string, unknown>, most: number) {
  if (map.size >= most) for (const oldest of map.keys()) if (map.delete(oldest)) break;
}

/** The value of the Authorization header; null without one. */
export function authorizationIn(headers: HeaderList): string | null {
  for (const [name, value] of headers) if (name.length === 13 && isField(name, 'Authorization')) return value;
  return null;
}
