const DAY_MS = 24 * 60 * 60_000;

/** An unused session expires after seven days, any session after thirty. */
export const SESSION_IDLE_MS = 7 * DAY_MS;
export const SESSION_MS = 30 * DAY_MS;
/** Two tabs that use one refresh token within this time get the same successor; later reuse counts as theft. */
export const REFRESH_GRACE_MS = 10_000;

export const sessionExpiry = (nowMs: number, session: { endsAt: Date }): Date =>
  new Date(Math.min(nowMs + SESSION_IDLE_MS, session.endsAt.getTime()));

export const isActive = (session: { endedAt: Date | null; expiresAt: Date }, nowMs: number): boolean =>
  session.endedAt === null && nowMs < session.expiresAt.getTime();

/** Classifies the use of a refresh token of an active session. */
export function classifyRefresh(
  token: { usedAt: Date | null },
  nowMs: number,
): 'rotate' | 'repeat' | 'theft' {
  if (token.usedAt === null) return 'rotate';
  return nowMs - token.usedAt.getTime() <= REFRESH_GRACE_MS ? 'repeat' : 'theft';
}
