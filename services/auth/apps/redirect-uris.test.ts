import { describe, expect, test } from 'bun:test';
import {
  formActionOf,
  isRedirectUri,
  isRegisteredRedirectUri,
  OUT_OF_BAND,
  withParameters,
} from './redirect-uris';

describe('a redirect URI that is registered', () => {
  test.each([
    'https://app.example/callback',
    'https://app.example:8443/callback?tenant=1',
    'https://xn--bcher-kva.example/',
    'https://app.example',
    'http://127.0.0.1/callback',
    'http://127.0.0.1:4711/callback',
    'http://[::1]:4711/',
    'http://localhost:4711/callback',
    'com.example.app:/callback',
    'com.example.app://callback/path',
    'cursor://anysphere.cursor-mcp/oauth/callback',
    'oauth2redirect://com.example.app/',
    OUT_OF_BAND,
  ])('may be %s', (uri) => expect(isRedirectUri(uri)).toBe(true));

  test.each([
    ['an http host elsewhere', 'http://app.example/callback'],
    ['a host that begins like this machine', 'http://127.0.0.1.evil.example/'],
    ['a host that begins like localhost', 'http://localhost.evil.example/'],
    ['this machine in another form', 'http://0x7f000001/'],
    ['this machine in a short form', 'http://127.1/'],
    ['userinfo', 'https://app.example@evil.example/'],
    ['empty userinfo', 'https://@evil.example/'],
    ['userinfo at a custom scheme', 'app.example://a@b/'],
    ['a fragment', 'https://app.example/#x'],
    ['an empty fragment', 'https://app.example/#'],
    ['a backslash', 'https://app.example\\@evil.example/'],
    ['a script', 'javascript://%0aalert(1)'],
    ['a script in capitals', 'JavaScript:alert(1)'],
    ['data', 'data:text/html,x'],
    ['data with slashes', 'data://text/html,x'],
    ['a file', 'file:///etc/passwd'],
    ['a page of the browser', 'chrome-extension://abc/'],
    ['a program of the system', 'ms-msdt://id'],
    ['an intent', 'intent://x/'],
    ['a scheme of its own without a dot and slashes', 'myapp:callback'],
    ['a scheme in capitals', 'HTTPS://app.example/'],
    ['a host in capitals', 'https://App.example/'],
    ['an encoded host', 'https://app%2eexample/'],
    ['the default port', 'https://app.example:443/'],
    ['no host', 'https:///callback'],
    ['no slashes', 'https:app.example'],
    ['a relative reference', '/callback'],
    ['no ASCII', 'https://bücher.example/'],
    ['a blank', 'https://app.example/a b'],
    ['a line break', 'https://app.example/\r\nx'],
    ['NUL', 'https://app.example/\0'],
    ['a lone surrogate', 'https://app.example/\ud800'],
    ['nothing', ''],
    ['too much', `https://app.example/${'a'.repeat(2_000)}`],
    ['another URN', 'urn:ietf:wg:oauth:2.0:oob:auto'],
  ])('is not %s', (_, uri) => expect(isRedirectUri(uri)).toBe(false));
});

describe('a redirect URI that is asked for', () => {
  const registered = ['https://app.example/callback', 'http://127.0.0.1/cb?x=1', 'com.example.app:/callback'];

  test.each([...registered, 'http://127.0.0.1:50123/cb?x=1'])('is found when it is %s', (uri) =>
    expect(isRegisteredRedirectUri(registered, uri)).toBe(true),
  );

  test.each([
    'https://app.example/callback/',
    'https://app.example/callback?next=evil',
    'https://app.example/callback/../evil',
    'https://app.example/Callback',
    'https://app.example/%63allback',
    'https://app.example:8443/callback',
    'https://app.example.evil.example/callback',
    'https://app.example@evil.example/callback',
    'http://app.example/callback',
    'http://localhost:50123/cb?x=1',
    'http://[::1]:50123/cb?x=1',
    'https://127.0.0.1:50123/cb?x=1',
    'http://127.0.0.1:50123/cb',
    'http://127.0.0.1:50123/cb?x=1&y=2',
    'http://127.0.0.1:99999/cb?x=1',
    'http://127.0.0.1:1@evil.example/cb?x=1',
    'http://127.0.0.1.evil.example/cb?x=1',
    'com.example.app:/callback2',
    'com.example.app2:/callback',
  ])('is not found when it is %s', (uri) => expect(isRegisteredRedirectUri(registered, uri)).toBe(false));
});

test('a response is added to the parameters of a redirect URI', () => {
  const answer = { code: 'a b', state: undefined, iss: 'https://id.example' };
  const added = 'code=a+b&iss=https%3A%2F%2Fid.example';
  expect(withParameters('https://app.example/cb', answer)).toBe(`https://app.example/cb?${added}`);
  expect(withParameters('https://app.example/cb?x=1', answer)).toBe(`https://app.example/cb?x=1&${added}`);
  expect(withParameters('com.example.app:/cb', answer)).toBe(`com.example.app:/cb?${added}`);
});

test('a form may lead to the origin of a redirect URI, or to its scheme', () => {
  expect(formActionOf('https://app.example:8443/callback')).toEqual(['https://app.example:8443']);
  expect(formActionOf('http://[::1]:4711/callback')).toEqual(['http://[::1]:4711']);
  expect(formActionOf('com.example.app:/callback')).toEqual(['com.example.app:']);
  expect(formActionOf(OUT_OF_BAND)).toEqual([]);
});
