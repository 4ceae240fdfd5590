import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { createRouter } from './router';

function routerOf(...routes: string[]) {
  const router = createRouter<string>();
  for (const route of routes) {
    const [method = '', pattern = ''] = route.split(' ');
    router.add(method, pattern, route);
  }
  return router;
}

describe('the most specific pattern wins', () => {
  const router = routerOf(
    'GET /users/:username',
    'GET /users/me',
    'DELETE /users/:username',
    'GET /users/:username/likes',
    'GET /users/*',
    'GET /files/*',
    'ALL /hooks/:name',
    'GET /',
    'HEAD /posts',
    'GET /posts',
    'POST /posts/',
  );
  const found: [string, string, string | undefined][] = [
    ['GET', '/users/me', 'GET /users/me'],
    ['GET', '/users/alice', 'GET /users/:username'],
    ['GET', '/users/me/likes', 'GET /users/:username/likes'],
    ['GET', '/users/alice/unknown', 'GET /users/*'],
    ['DELETE', '/users/me', 'DELETE /users/:username'],
    ['GET', '/files/a/b/c', 'GET /files/*'],
    ['GET', '/files/', 'GET /files/*'],
    ['GET', '/files', undefined],
    ['GET', '/', 'GET /'],
    ['HEAD', '/users/me', 'GET /users/me'],
    ['HEAD', '/posts', 'HEAD /posts'],
    ['POST', '/posts', 'POST /posts/'],
    ['GET', '/posts/', 'GET /posts'],
    ['PATCH', '/hooks/mail', 'ALL /hooks/:name'],
    ['PATCH', '/users/me', undefined],
    ['GET', '/unknown', undefined],
  ];
  for (const [method, path, route] of found)
    test(`${method} ${path}`, () => expect(router.find(method, path, 0)).toBe(route as string));

  test('the methods of a path are those of all matching patterns', () => {
    expect(router.methods('/users/me', 0)).toEqual(['DELETE', 'GET', 'HEAD']);
    expect(router.methods('/posts', 0)).toEqual(['GET', 'HEAD', 'POST']);
    expect(router.methods('/unknown', 0)).toEqual([]);
  });

  test('characters before the start are ignored', () => {
    expect(router.find('GET', '/v1/users/me', 3)).toBe('GET /users/me');
    expect(router.find('GET', '/users', '/users'.length)).toBe('GET /');
  });
});

test('the first claim of a method and pattern wins', () => {
  const router = createRouter<string>();
  expect(router.add('GET', '/users/:id', 'first')).toBe(true);
  expect(router.add('GET', '/users/:name', 'second')).toBe(false);
  expect(router.find('GET', '/users/alice', 0)).toBe('first');
});

const names = fc.constantFrom('a', 'b', 'c');
const patterns = fc
  .tuple(fc.array(fc.oneof(names, fc.constantFrom(':x', ':y')), { maxLength: 4 }), fc.boolean())
  .map(([segments, isWildcard]) => `/${[...segments, ...(isWildcard ? ['*'] : [])].join('/')}`);
const methods = fc.constantFrom('GET', 'POST', 'HEAD', 'ALL');
const paths = fc.array(names, { maxLength: 5 }).map((segments) => `/${segments.join('/')}`);

test('it matches like a comparison with every pattern', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(methods, patterns), { maxLength: 12 }),
      fc.constantFrom('GET', 'POST', 'HEAD', 'DELETE'),
      paths,
      (routes, method, path) => {
        const router = createRouter<string>();
        const unique = routes.filter(([routeMethod, pattern]) =>
          router.add(routeMethod, pattern, `${routeMethod} ${pattern}`),
        );
        const expected = unique
          .filter(([routeMethod, pattern]) => rankOfMethod(routeMethod, method) < 9 && isMatch(pattern, path))
          .sort(
            (left, right) =>
              compareText(specificity(left[1]), specificity(right[1])) ||
              rankOfMethod(left[0], method) - rankOfMethod(right[0], method),
          )[0];
        expect(router.find(method, path, 0)).toBe(expected?.join(' ') as string);
        const matching = unique
          .filter(([, pattern]) => isMatch(pattern, path))
          .map(([routeMethod]) => routeMethod);
        const allowed = new Set([...matching, ...(matching.includes('GET') ? ['HEAD'] : [])]);
        expect(router.methods(path, 0)).toEqual([...allowed].sort());
      },
    ),
    { numRuns: 3_000 },
  );
});

const segmentsOf = (path: string) => path.split('/').filter((segment) => segment !== '');

function isMatch(pattern: string, path: string): boolean {
  const wanted = segmentsOf(pattern);
  const given = segmentsOf(path);
  if (wanted.at(-1) === '*') {
    // `/a/*` matches `/a/b`, not `/a`; `/*` also matches `/`, which ends with a slash.
    const isBelow =
      given.length >= wanted.length || (given.length === wanted.length - 1 && path.endsWith('/'));
    return (
      isBelow && wanted.slice(0, -1).every((part, index) => part.startsWith(':') || part === given[index])
    );
  }
  return (
    wanted.length === given.length &&
    wanted.every((part, index) => part.startsWith(':') || part === given[index])
  );
}

/** Sorts static before parameter before wildcard, from the left; the end of a pattern before its wildcard. */
const specificity = (pattern: string) =>
  segmentsOf(pattern)
    .map((part) => (part === '*' ? '3' : part.startsWith(':') ? '2' : '1'))
    .join('');

const compareText = (left: string, right: string) => (left < right ? -1 : left > right ? 1 : 0);

function rankOfMethod(routeMethod: string, method: string): number {
  if (routeMethod === method) return 0;
  if (method === 'HEAD' && routeMethod === 'GET') return 1;
  return routeMethod === 'ALL' ? 2 : 9;
}
