import { createHash, randomBytes } from 'node:crypto';
import type { Browser } from '#kit/http/cookies/browser';
import { RECENT_SIGN_IN_SECONDS } from '#kit/http/recent-sign-in';
import { inTransaction } from '#kit/mysql/database';
import type { AuthDeps } from '../deps';
import { isActive, SESSION_MS, sessionExpiry } from '../sessions/rules';
import { endSession, findSessionOf } from '../sessions/service';
import { type SessionRow, touchSession } from '../sessions/store';
import * as store from './store';

/** Names a browser on the pages of this service: the key of its forms, and of its session once somebody has signed in on it. */
const COOKIE = 'browser';
const PATH = '/';
/** 32 random bytes. */
const VALUE = /^[\w-]{43}$/;
/** How often a use is recorded. */
const TOUCH_MS = 5 * 60_000;

/** Somebody who is signed in on the pages of this service. */
export interface BrowserSession {
  readonly session: SessionRow;
  readonly userId: string;
  readonly username: string;
}

/** The value of the cookie; undefined where it is none of ours. */
export function browserIdOf(browser: Browser): string | undefined {
  const value = browser.readCookie(COOKIE);
  return value !== undefined && VALUE.test(value) ? value : undefined;
}

export const newBrowserId = (): string => randomBytes(32).toString('base64url');

/** `Set-Cookie`; the session itself may end earlier. */
export const browserCookie = (browser: Browser, id: string): string =>
  browser.writeCookie({ name: COOKIE, value: id, path: PATH, maxAgeSeconds: SESSION_MS / 1000 });

/** Who is signed in on a browser: the person's own session, active and of an active account. */
export async function signedInOf(deps: AuthDeps, browser: Browser): Promise<BrowserSession | null> {
  const id = browserIdOf(browser);
  const found = id === undefined ? undefined : await store.findBrowserSession(deps.database, hashOf(id));
  if (found === undefined || found.username === null || !found.active) return null;
  const { session, username } = found;
  const now = deps.now();
  if (!isActive(session, now)) return null;
  if (now - session.lastUsedAt.getTime() > TOUCH_MS)
    await inTransaction(deps.database, (transaction) =>
      touchSession(transaction, session.id, {
        lastUsedAt: new Date(now),
        expiresAt: sessionExpiry(now, session),
      }),
    );
  return { session, userId: session.userId, username };
}

/** Whether the sign-in is recent enough for what needs one. */
export const isRecent = (deps: Pick<AuthDeps, 'now'>, { session }: BrowserSession): boolean =>
  deps.now() - session.createdAt.getTime() <= RECENT_SIGN_IN_SECONDS * 1000;

/**
 * Signs a browser in with the session of a refresh token, which nobody gets to see. The browser is named anew: whoever knew
 * its former name learns nothing from it (session fixation). A session that it had before ends.
 *
 * @returns `Set-Cookie`
 */
export async function enterBrowser(deps: AuthDeps, browser: Browser, refreshToken: string): Promise<string> {
  const session = await findSessionOf(deps, refreshToken);
  if (session === undefined) throw new Error('A session that was just opened does not exist');
  await leaveBrowser(deps, browser);
  const id = newBrowserId();
  await store.insertBrowserSession(deps.database, { hash: hashOf(id), sessionId: session.id });
  return browserCookie(browser, id);
}

/** Signs a browser out: ends its session, if any. @returns `Set-Cookie` with a new name */
export async function leaveBrowser(deps: AuthDeps, browser: Browser): Promise<string> {
  const id = browserIdOf(browser);
  const found = id === undefined ? undefined : await store.findBrowserSession(deps.database, hashOf(id));
  if (id !== undefined && found !== undefined) {
    if (isActive(found.session, deps.now())) await endSession(deps, found.session);
    await store.deleteBrowserSession(deps.database, hashOf(id));
  }
  return browserCookie(browser, newBrowserId());
}

const hashOf = (id: string): string => createHash('sha256').update(id).digest('hex');
