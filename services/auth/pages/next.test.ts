import { expect, test } from 'bun:test';
import { safeNext, signInPath } from './next';

test.each([
  '/auth/account',
  '/auth/account/password',
  '/oauth/authorize?client_id=a&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&state=%2F%2F',
  '/oauth/device?user_code=ABCD-EFGH',
  '/docs',
])('%s is a page of ours', (next) => {
  expect(safeNext(next)).toBe(next);
});

test.each([
  undefined,
  '',
  'auth/account',
  'https://evil.example',
  '//evil.example',
  '///evil.example',
  '/\\evil.example',
  '\\\\evil.example',
  '/\t/evil.example',
  '/\n/evil.example',
  '\t//evil.example',
  ' //evil.example',
  '/.//evil.example',
  '/..//evil.example',
  '/auth/..//evil.example',
  '/%2e//evil.example',
  'javascript:alert(1)',
  'JaVaScRiPt:alert(1)',
  'data:text/html,x',
  '@evil.example',
  ':80',
  '?next=/',
  '#x',
  '/\u0000',
  '/\u2028/evil.example',
  '/ü',
  '/\r\nset-cookie: a=1',
])('%j is none', (next) => {
  expect(safeNext(next)).toBe('/auth/account');
});

test('a fragment is not carried along', () => {
  expect(safeNext('/docs#//evil.example')).toBe('/docs');
});

test('the page to sign in on carries the path as a value of its query', () => {
  expect(signInPath('/oauth/authorize?a=1&b=2')).toBe(
    '/auth/sign-in?next=%2Foauth%2Fauthorize%3Fa%3D1%26b%3D2',
  );
  expect(signInPath('/docs', { again: true })).toBe('/auth/sign-in?next=%2Fdocs&again=1');
});
