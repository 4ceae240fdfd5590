import { expect, test } from 'bun:test';
import { Elysia } from 'elysia';
import { testRuntime } from '../../../tests/support/servers';
import { platform } from '../platform';
import { type BrowserFields, browserOf, browsers, ForeignOrigin, pageBrowserOf } from './browser';

const TRUSTED = ['https://rookery.example', 'https://app.example'];
const OWN = { protocol: 'https', host: 'rookery.example', cookie: 'a=1' } as const;

const isAdmitted = (fields: BrowserFields, trusted: readonly string[] = TRUSTED): boolean => {
  try {
    browserOf(fields, trusted);
    return true;
  } catch (failure) {
    expect(failure).toBeInstanceOf(ForeignOrigin);
    return false;
  }
};

test.each<[string, BrowserFields, boolean]>([
  ['no page at all', {}, true],
  ['a page of the same host', { ...OWN, origin: 'https://rookery.example', fetch_site: 'same-origin' }, true],
  ['a page of the public origin', { ...OWN, host: 'inside', origin: 'https://rookery.example' }, true],
  ['a page of CORS_ORIGINS', { ...OWN, origin: 'https://app.example', fetch_site: 'cross-site' }, true],
  ['the address bar', { ...OWN, fetch_site: 'none' }, true],
  ['a foreign page', { ...OWN, origin: 'https://evil.example' }, false],
  ['a foreign page without a cookie', { origin: 'https://evil.example' }, false],
  ['a page on another port', { ...OWN, origin: 'https://rookery.example:8443' }, false],
  ['a page over plain HTTP', { ...OWN, origin: 'http://rookery.example' }, false],
  ['a name that begins like ours', { ...OWN, origin: 'https://rookery.example.evil.example' }, false],
  ['a sandboxed page', { ...OWN, origin: 'null', fetch_site: 'cross-site' }, false],
  ['a page that tells nobody its address', { ...OWN, origin: 'null', fetch_site: 'same-origin' }, true],
  ['such a page of a sister site', { ...OWN, origin: 'null', fetch_site: 'same-site' }, false],
  ['a page of nowhere', { ...OWN, origin: 'null' }, false],
  ['a foreign page whose browser sends no origin', { ...OWN, fetch_site: 'cross-site' }, false],
  [
    'another site than its origin says',
    { ...OWN, host: 'x', protocol: 'http', origin: 'http://x', fetch_site: 'cross-site' },
    false,
  ],
])('a request of %s is judged', (_from, fields, admitted) => {
  expect(isAdmitted(fields)).toBe(admitted);
});

test('with CORS_ORIGINS=* any page may call, without cookies', () => {
  const origin = 'https://anybody.example';
  expect([isAdmitted({ origin }, ['*']), isAdmitted({ origin, cookie: 'a=1' }, ['*'])]).toEqual([
    true,
    false,
  ]);
});

test.each([
  [{ protocol: 'http', host: 'localhost:8080' }, false],
  [{ protocol: 'http', host: '127.0.0.1' }, false],
  [{ protocol: 'http', host: '[::1]:8080' }, false],
  [{ protocol: 'https', host: 'localhost' }, true],
  [{ protocol: 'http', host: 'localhost.evil.example' }, true],
  [{ protocol: 'http', host: '127.0.0.1.evil.example' }, true],
  [{ protocol: 'http', host: '10.0.0.1' }, true],
  [{ protocol: 'http' }, true],
  [{}, true],
] as const)('for %j Secure is %j: off on plain localhost only', (fields, secure) => {
  const cookie = browserOf(fields, []).writeCookie({
    name: 'a',
    value: '1',
    path: '/auth',
    maxAgeSeconds: 60,
  });
  expect(cookie.includes('Secure')).toBe(secure);
  for (const part of ['a=1', 'Path=/auth', 'HttpOnly', 'SameSite=Lax', 'Max-Age=60'])
    expect(cookie).toContain(part);
});

test('a page may be opened from anywhere, and its form is sent from our own pages alone', () => {
  const from = (method: string, origin: string) =>
    pageBrowserOf(
      new Request('https://rookery.example/', {
        method,
        headers: { origin, cookie: 'a=1', 'sec-fetch-site': 'cross-site' },
      }),
      TRUSTED,
    );
  expect(from('GET', 'https://mail.example').readCookie('a')).toBe('1');
  expect(() => from('POST', 'https://mail.example')).toThrow(ForeignOrigin);
});

test('a route with the option rejects foreign pages before it looks at their content', async () => {
  const runtime = testRuntime('cookies');
  const app = new Elysia()
    .use(platform(runtime))
    .use(browsers(TRUSTED))
    .post('/', ({ browser }) => browser.readCookie('a') ?? 'none', { browser: true });
  const post = (headers: Record<string, string>) =>
    app.handle(new Request('http://localhost/', { method: 'POST', headers }));
  const foreign = await post({ origin: 'https://evil.example', cookie: 'a=1' });
  expect([foreign.status, (await foreign.json()).code]).toEqual([403, 'request.foreign-origin']);
  expect(await (await post({ cookie: 'b=2; a=1' })).text()).toBe('1');
  await runtime.close();
});
