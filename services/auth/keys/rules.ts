const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** A key signs for thirty days and is published fifteen minutes before: longer than verifiers cache a key set. */
export const KEY_LIFETIME_MS = 30 * DAY_MS;
export const KEY_PUBLISHED_AHEAD_MS = 15 * MINUTE_MS;
/** How long a key is published beyond the expiry of its last token, for clock skew. */
const CLOCK_SKEW_MS = 5 * MINUTE_MS;

interface ScheduledKey {
  readonly activeFrom: Date;
}

/** The key that signs at a moment: the latest active one, or the first for a clock that was set back. */
export function activeKey<Key extends ScheduledKey>(keys: readonly Key[], nowMs: number): Key | undefined {
  const ordered = inOrder(keys);
  return ordered.findLast((key) => key.activeFrom.getTime() <= nowMs) ?? ordered[0];
}

/** The keys that verifiers need: the active one, future ones, and those whose tokens may not have expired. */
export function keysToPublish<Key extends ScheduledKey>(
  keys: readonly Key[],
  nowMs: number,
  tokenLifetimeMs: number,
): Key[] {
  return inOrder(keys).filter((_, index, ordered) => {
    const successor = ordered[index + 1];
    return (
      successor === undefined || nowMs < successor.activeFrom.getTime() + tokenLifetimeMs + CLOCK_SKEW_MS
    );
  });
}

/** The activation of the next key if it has to be created now: immediately if there is no key. */
export function nextKeyDue(keys: readonly ScheduledKey[], nowMs: number): Date | undefined {
  const newest = inOrder(keys).at(-1);
  if (newest === undefined) return new Date(nowMs);
  const expiresMs = newest.activeFrom.getTime() + KEY_LIFETIME_MS;
  if (nowMs < expiresMs - KEY_PUBLISHED_AHEAD_MS) return undefined;
  return new Date(Math.max(expiresMs, nowMs + KEY_PUBLISHED_AHEAD_MS));
}

const inOrder = <Key extends ScheduledKey>(keys: readonly Key[]): Key[] =>
  keys.toSorted((left, right) => left.activeFrom.getTime() - right.activeFrom.getTime());
