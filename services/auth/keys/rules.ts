const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** A session nobody uses ends after seven days, any session after thirty. */
export const SESSION_IDLE_MS = 7 * DAY_MS;
export const SESSION_MS = 30 * DAY_MS;
/** Two tabs that use one refresh token within this time both get its successor; later use is theft. */
export const REFRESH_GRACE_MS = 10_000;

/** How long a link to reset a password is good. */
export const RESET_LINK_MS = 30 * MINUTE_MS;

/** A key signs for thirty days, and is published fifteen minutes before: longer than verifiers keep a key set. */
export const KEY_LIFETIME_MS = 30 * DAY_MS;
export const KEY_PUBLISHED_AHEAD_MS = 15 * MINUTE_MS;
/** Beyond the life of its last token, for clocks that differ. */
const KEY_KEPT_LONGER_MS = 5 * MINUTE_MS;

export const sessionExpiry = (nowMs: number, session: { endsAt: Date }): Date =>
  new Date(Math.min(nowMs + SESSION_IDLE_MS, session.endsAt.getTime()));

export const isAlive = (session: { endedAt: Date | null; expiresAt: Date }, nowMs: number): boolean =>
  session.endedAt === null && nowMs < session.expiresAt.getTime();

/** What the use of a refresh token of a session that is alive means. */
export function judgeRefresh(token: { usedAt: Date | null }, nowMs: number): 'rotate' | 'repeat' | 'theft' {
  if (token.usedAt === null) return 'rotate';
  return nowMs - token.usedAt.getTime() <= REFRESH_GRACE_MS ? 'repeat' : 'theft';
}

interface ScheduledKey {
  readonly activeFrom: Date;
}

/** The key that signs at a moment: the latest that has begun, or the first for a clock that was put back. */
export function keyInUse<Key extends ScheduledKey>(keys: readonly Key[], nowMs: number): Key | undefined {
  const ordered = inOrder(keys);
  return ordered.findLast((key) => key.activeFrom.getTime() <= nowMs) ?? ordered[0];
}

/** The keys a verifier may meet: the one in use, those to come, and those whose tokens may still be good. */
export function keysToPublish<Key extends ScheduledKey>(
  keys: readonly Key[],
  nowMs: number,
  tokenLifetimeMs: number,
): Key[] {
  return inOrder(keys).filter((_, index, ordered) => {
    const successor = ordered[index + 1];
    return (
      successor === undefined || nowMs < successor.activeFrom.getTime() + tokenLifetimeMs + KEY_KEPT_LONGER_MS
    );
  });
}

/** When the next key has to begin, if it has to be made now: at once where there is none at all. */
export function nextKeyDue(keys: readonly ScheduledKey[], nowMs: number): Date | undefined {
  const newest = inOrder(keys).at(-1);
  if (newest === undefined) return new Date(nowMs);
  const begins = newest.activeFrom.getTime() + KEY_LIFETIME_MS;
  if (nowMs < begins - KEY_PUBLISHED_AHEAD_MS) return undefined;
  return new Date(Math.max(begins, nowMs + KEY_PUBLISHED_AHEAD_MS));
}

const inOrder = <Key extends ScheduledKey>(keys: readonly Key[]): Key[] =>
  keys.toSorted((left, right) => left.activeFrom.getTime() - right.activeFrom.getTime());

/** Guesses that cost nothing, as people mistype. */
const FREE_FAILURES = 4;
const LONGEST_WAIT_SECONDS = 900;

/** Seconds an account rests after so many wrong passwords in a row: doubling, never for ever. */
export function restAfterFailures(failures: number): number {
  if (failures <= FREE_FAILURES) return 0;
  return Math.min(LONGEST_WAIT_SECONDS, 2 ** Math.min(failures - FREE_FAILURES - 1, 20));
}

/** Names and addresses are compared without case, so they are kept without it. */
export const normalizeName = (name: string): string => name.trim().toLowerCase();
