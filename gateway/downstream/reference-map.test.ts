import { describe, expect, test } from 'bun:test';
import { mapCookiePath, mapLinks, mapReference, type ReferenceMap } from './reference-map';

const map: ReferenceMap = {
  path: (path) => `/v1${path}`,
  cookiePath: (path) => (path === '/' ? '/v1' : `/v1${path}`),
  isOwn: (origin) => /^https?:\/\/api\.example(:443)?$/i.test(origin),
};

describe('a reference', () => {
  const cases: [sent: string, received: string][] = [
    ['/posts/7', '/v1/posts/7'],
    ['/', '/v1/'],
    ['/posts?next=/posts#/posts', '/v1/posts?next=/posts#/posts'],
    ['https://api.example/posts/7?x=1', 'https://api.example/v1/posts/7?x=1'],
    ['HTTP://API.example:443/posts', 'HTTP://API.example:443/v1/posts'],
    ['https://api.example', 'https://api.example/v1/'],
    ['https://api.example?x=1', 'https://api.example/v1/?x=1'],
    ['//api.example/posts', '//api.example/v1/posts'],
    ['https://other.example/posts', 'https://other.example/posts'],
    ['https://api.example.evil/posts', 'https://api.example.evil/posts'],
    ['//other.example/posts', '//other.example/posts'],
    ['posts/7', 'posts/7'],
    ['../posts', '../posts'],
    ['?cursor=a', '?cursor=a'],
    ['#top', '#top'],
    ['', ''],
    ['mailto:ada@api.example', 'mailto:ada@api.example'],
  ];
  for (const [sent, received] of cases)
    test(`${sent} → ${received}`, () => expect(mapReference(sent, map)).toBe(received));
});

describe('a Link field', () => {
  const cases: [sent: string, received: string][] = [
    ['</posts?cursor=a>; rel="next"', '</v1/posts?cursor=a>; rel="next"'],
    [
      '</a>; rel=next, <https://api.example/b>;rel=prev',
      '</v1/a>; rel=next, <https://api.example/v1/b>;rel=prev',
    ],
    ['<https://other.example/a,b>; rel=x', '<https://other.example/a,b>; rel=x'],
    ['</a>; title="</quoted>, \\"</b>"; rel=x, </c>', '</v1/a>; title="</quoted>, \\"</b>"; rel=x, </v1/c>'],
    ['</a', '</a'],
    ['<>; rel=self', '<>; rel=self'],
  ];
  for (const [sent, received] of cases)
    test(`${sent} → ${received}`, () => expect(mapLinks(sent, map)).toBe(received));
});

describe('a Set-Cookie field', () => {
  const cases: [sent: string, received: string][] = [
    ['a=b; Path=/auth; HttpOnly', 'a=b; Path=/v1/auth; HttpOnly'],
    ['a=b; HttpOnly;path = /auth', 'a=b; HttpOnly;path =/v1/auth'],
    ['a=b; Path=/', 'a=b; Path=/v1'],
    ['a=b', 'a=b'],
    ['a=b; Path', 'a=b; Path'],
    ['a=b; Path=auth', 'a=b; Path=auth'],
    ['path=/x; Secure', 'path=/x; Secure'],
    ['__Host-a=b; Secure; Path=/', '__Host-a=b; Secure; Path=/'],
    ['__Secure-a=b; Secure; Path=/auth', '__Secure-a=b; Secure; Path=/v1/auth'],
  ];
  for (const [sent, received] of cases)
    test(`${sent} → ${received}`, () => expect(mapCookiePath(sent, map)).toBe(received));
});
