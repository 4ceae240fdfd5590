import { describe, expect, test } from 'bun:test';
import type { RouteClaim } from '#contracts/registry';
import { createPathRestorer } from './path-restorer';
import { createRouteTable } from './route-table';

const claims = (...routes: string[]): RouteClaim[] =>
  routes.map((route) => {
    const [method = '', path = ''] = route.split(' ');
    return { method, path, auth: 'public' };
  });

const table = createRouteTable(
  [
    { name: 'users', prefixes: ['users'], routes: claims('GET /users/:name', 'GET /api/v1/accounts/:id') },
    { name: 'posts', prefixes: ['posts'], routes: claims('GET /posts/:id', 'POST /posts') },
    { name: 'shop', prefixes: ['shop'], routes: claims('GET /items/:id', 'POST /session/new') },
    {
      name: 'wiki',
      prefixes: ['wiki'],
      routes: claims('GET /*').map((one) => ({ ...one, prefix_only: true })),
    },
  ],
  () => undefined,
);
const restorer = createPathRestorer({ routes: () => table });

describe('a path', () => {
  const cases: [
    service: string | undefined,
    byProxy: string,
    byGateway: string,
    path: string,
    restored: string,
  ][] = [
    ['posts', '', '/v1', '/posts/7', '/v1/posts/7'],
    ['posts', '', '/posts', '/posts/7', '/posts/posts/7'],
    ['posts', '', '/v1/posts', '/posts/7', '/v1/posts/posts/7'],
    ['posts', '', '/v1', '/unknown', '/v1/unknown'],
    ['posts', '', '/posts', '/openapi.json', '/posts/openapi.json'],
    // Of another service.
    ['posts', '', '/posts', '/users/ada', '/users/ada'],
    ['posts', '', '/v1/posts', '/users/ada', '/v1/users/ada'],
    ['posts', '', '/v1', '/v1/users/ada', '/v1/users/ada'],
    // Services that heed X-Forwarded-Prefix.
    ['shop', '', '/shop', '/items/7', '/shop/items/7'],
    ['shop', '', '/shop', '/shop/items/7', '/shop/items/7'],
    ['wiki', '', '/wiki', '/pages/7', '/wiki/pages/7'],
    ['wiki', '', '/wiki', '/wiki/pages/7', '/wiki/pages/7'],
    ['wiki', '', '/v1/wiki', '/v1/wiki/pages/7', '/v1/wiki/pages/7'],
    // Behind a proxy that has cut a prefix too.
    ['posts', '/api', '', '/posts/7', '/api/posts/7'],
    ['posts', '/api', '/v1', '/posts/7', '/api/v1/posts/7'],
    ['users', '/api', '', '/api/v1/accounts/7', '/api/api/v1/accounts/7'],
    ['shop', '/api', '/shop', '/api/shop/items/7', '/api/shop/items/7'],
    ['posts', '/api', '/posts', '/users/ada', '/api/users/ada'],
    [undefined, '/api', '/v1', '/openapi.json', '/api/v1/openapi.json'],
  ];
  for (const [service, byProxy, byGateway, path, restored] of cases)
    test(`${path} of ${service} below ${byProxy}${byGateway} → ${restored}`, () =>
      expect(restorer.path(service, { byProxy, byGateway }, path)).toBe(restored));
});

describe('the path of a cookie', () => {
  const cases: [service: string, byProxy: string, byGateway: string, path: string, restored: string][] = [
    ['users', '', '/v1', '/users', '/v1/users'],
    ['users', '', '/users', '/users', '/users/users'],
    ['users', '', '/v1', '/', '/v1'],
    ['shop', '', '/shop', '/', '/shop'],
    ['shop', '', '/shop', '/session', '/shop/session'],
    ['shop', '', '/shop', '/shop', '/shop'],
    ['shop', '', '/shop', '/shop/', '/shop/'],
    ['shop', '/api', '/v1/shop', '/session', '/api/v1/shop/session'],
    ['shop', '/api', '/shop', '/shop', '/api/shop'],
  ];
  for (const [service, byProxy, byGateway, path, restored] of cases)
    test(`${path} of ${service} below ${byProxy}${byGateway} → ${restored}`, () =>
      expect(restorer.cookiePath(service, { byProxy, byGateway }, path)).toBe(restored));
});
