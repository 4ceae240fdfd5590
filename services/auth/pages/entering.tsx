/** @jsxImportSource preact */
import { Card } from '#kit/http/html/controls';
import { htmlPage } from '#kit/http/html/page';
import type { AuthDeps } from '../deps';
import { cookiesOf } from '../sessions/cookies';
import type { Entered } from '../sessions/sign-in';
import { enterBrowser } from './browser-sessions';
import { safeNext, seeOther } from './next';
import type { Visitor } from './visitor';

/** Signs the visitor in with a session that was just opened, and goes on. */
export async function enter(
  deps: AuthDeps,
  { browser }: Visitor,
  { signedIn, device }: Entered,
  next: string | undefined,
): Promise<Response> {
  const cookie = await enterBrowser(deps, browser, signedIn.refresh_token);
  return goOn(safeNext(next), [cookie, ...cookiesOf(browser, { device })]);
}

/** Requests of apps, which may be answered with a redirect to the app. */
const OAUTH = '/oauth/';

/**
 * Goes on after a form. Browsers hold the redirects that follow a form to the `form-action` of its page, and that of an app would
 * be refused: a page between goes on by itself.
 *
 * @param path of `safeNext`
 */
export function goOn(path: string, cookies: readonly string[]): Response {
  if (!path.startsWith(OAUTH)) return seeOther(path, cookies);
  return htmlPage({
    title: 'You are signed in',
    cookies,
    continueTo: path,
    body: (
      <Card heading="You are signed in">
        <p>
          If nothing happens, <a href={path}>continue here</a>.
        </p>
      </Card>
    ),
  });
}
