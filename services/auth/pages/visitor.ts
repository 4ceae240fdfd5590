import type { Client } from '#kit/http/client-address';
import { type Browser, pageBrowserOf } from '#kit/http/cookies/browser';
import type { AuthDeps } from '../deps';
import { type Requester, requesterOf } from '../sessions/cookies';
import {
  type BrowserSession,
  browserCookie,
  browserIdOf,
  isRecent,
  newBrowserId,
  signedInOf,
} from './browser-sessions';
import { formTokenOf } from './form-tokens';
import { ACCOUNT, seeOther, signInPath } from './next';

/** Who asks for a page. */
export interface Visitor {
  readonly browser: Browser;
  /** Null where nobody is signed in. */
  readonly session: BrowserSession | null;
  /** For the forms of the page. */
  readonly formToken: string;
  readonly from: Requester;
}

/** @throws ForeignOrigin for a form of a foreign page */
export const browserOfVisitor = (deps: Pick<AuthDeps, 'publicUrl'>, request: Request): Browser =>
  pageBrowserOf(request, [new URL(deps.publicUrl).origin]);

/** @returns the visitor, and the `Set-Cookie` that names a new browser */
export async function visitorOf(
  deps: AuthDeps,
  request: Request,
  client: Client,
): Promise<{ visitor: Visitor; cookie: string | undefined }> {
  const browser = browserOfVisitor(deps, request);
  const known = browserIdOf(browser);
  const id = known ?? newBrowserId();
  const visitor = {
    browser,
    session: await signedInOf(deps, browser),
    formToken: formTokenOf(deps.formSecret, id),
    from: requesterOf(browser, client, request),
  };
  return { visitor, cookie: known === undefined ? browserCookie(browser, id) : undefined };
}

/**
 * Who is signed in, for a page of signed-in people.
 *
 * @param options.recent a sign-in of the last five minutes is required
 * @returns otherwise the way to the sign-in page and back here, or to the account after a form
 */
export function requireSignIn(
  deps: Pick<AuthDeps, 'now'>,
  { session }: Visitor,
  request: Request,
  { recent = false } = {},
): BrowserSession | Response {
  if (session !== null && (!recent || isRecent(deps, session))) return session;
  const { pathname, search } = new URL(request.url);
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  const next = isRead ? `${pathname}${search}` : ACCOUNT;
  return seeOther(signInPath(next, { again: session !== null }));
}
