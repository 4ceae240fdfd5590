/** Where a person goes who wanted nothing else. */
export const ACCOUNT = '/auth/account';
const SIGN_IN = '/auth/sign-in';

/** Visible ASCII but the backslash, which browsers take for a slash. */
const PATH = /^\/[!-[\]-~]*$/;

/**
 * The path of a page of ours to go on to. Everything else leads to the account: no link to our pages may lead to another site
 * (OWASP, "Unvalidated Redirects and Forwards").
 *
 * @param next as it was received
 */
export function safeNext(next: string | undefined): string {
  if (next === undefined || !PATH.test(next) || next.startsWith('//')) return ACCOUNT;
  // As browsers understand it: dots may leave two slashes at the beginning.
  const url = URL.parse(next, ORIGIN);
  if (url?.origin !== ORIGIN || url.pathname.startsWith('//')) return ACCOUNT;
  return `${url.pathname}${url.search}`;
}

const ORIGIN = 'https://rookery.invalid';

/**
 * The page to sign in on, which goes on to another one afterwards.
 *
 * @param options.again also for who is signed in: a recent sign-in is required
 * @param options.loginHint who is expected to sign in
 */
export function signInPath(
  next: string,
  { again = false, loginHint }: { again?: boolean; loginHint?: string | undefined } = {},
): string {
  const query = new URLSearchParams({
    next,
    ...(again && { again: '1' }),
    ...(loginHint !== undefined && { login_hint: loginHint }),
  });
  return `${SIGN_IN}?${query}`;
}

/** Sends a browser to another page of ours with GET (RFC 9110, section 15.4.4). */
export function seeOther(path: string, cookies: readonly string[] = []): Response {
  const headers = new Headers({
    location: path,
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
  });
  for (const cookie of cookies) headers.append('set-cookie', cookie);
  return new Response(null, { status: 303, headers });
}
