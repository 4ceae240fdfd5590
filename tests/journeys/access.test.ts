import { beforeAll, expect, test } from 'bun:test';
import { generateKeyPair, SignJWT } from 'jose';
import { uuidv7 } from '#kit/core/ids';
import { join, type Reply, request, signIn } from '../support/client';
import { eventually } from '../support/eventually';
import { ADMIN_PASSWORD, sharedSystem } from '../support/shared-system';

const START_MS = 240_000;
/** Refreshed tokens carry the permissions once auth has learned of them. */
const TEST_MS = 120_000;

interface Route {
  readonly method: string;
  readonly path: string;
  /** `public`, `optional`, `user`, `service` or the name of a permission. */
  readonly access: string;
}

let url: string;
let routes: Route[];

beforeAll(async () => {
  url = (await sharedSystem()).url;
  const { body } = await request(url, 'GET', '/openapi.json');
  routes = Object.entries(body.paths as Record<string, Record<string, { 'x-access'?: string }>>).flatMap(
    ([path, operations]) =>
      Object.entries(operations).map(([method, operation]) => ({
        method: method.toUpperCase(),
        path,
        access: operation['x-access'] ?? 'missing',
      })),
  );
}, START_MS);

/** Sends a request that would be valid but for its caller, as far as a caller without access can learn. */
const send = ({ method, path }: Route, token?: string): Promise<Reply> =>
  request(url, method, path.replaceAll(/\{[^}]+\}/g, uuidv7()), {
    ...(token !== undefined && { token }),
    ...(!['GET', 'HEAD', 'DELETE'].includes(method) && { body: {} }),
  });

async function expectRejected(route: Route, token: string | undefined, [status, code]: [number, string]) {
  const reply = await send(route, token);
  const name = `${route.method} ${route.path}`;
  // A response to HEAD has no body, and the endpoints of OAuth have errors of their own form (RFC 6750, 3).
  const expected = route.method === 'HEAD' || route.path.startsWith('/oauth/') ? undefined : code;
  expect([name, reply.status, reply.body.code]).toEqual([name, status, expected]);
}

test('every documented route declares who may call it', () => {
  expect(routes.length).toBeGreaterThan(100);
  const undeclared = routes.filter(
    ({ access }) => !/^(public|optional|user|service|[a-z][a-z0-9-]*:[a-z][a-z0-9-]*)$/.test(access),
  );
  expect(undeclared).toEqual([]);
});

test(
  'a route that requires a user rejects strangers, foreign signatures and services',
  async () => {
    const { privateKey } = await generateKeyPair('EdDSA');
    const signed = (claims: Record<string, unknown>, type: string) =>
      new SignJWT(claims)
        .setProtectedHeader({ alg: 'EdDSA', typ: type, kid: 'foreign' })
        .setSubject(uuidv7())
        .setIssuedAt()
        .setExpirationTime('5m')
        .sign(privateKey);
    const service = new SignJWT({ sub: 'timelines' })
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
      .setIssuer('timelines')
      .setAudience('users')
      .setIssuedAt()
      .setExpirationTime('1m');
    const tokens = [
      undefined,
      'rubbish',
      await signed(
        { roles: ['admin'], permissions: ['users:manage'], sid: uuidv7(), jti: uuidv7() },
        'at+jwt',
      ),
      await service.sign(new TextEncoder().encode('development-internal-secret')),
    ];
    for (const route of routes.filter(({ access }) => access !== 'public'))
      for (const token of tokens)
        if (token !== undefined || route.access !== 'optional')
          await expectRejected(route, token, [
            401,
            route.access === 'service' ? 'service-token.refused' : 'auth.unauthenticated',
          ]);
  },
  TEST_MS,
);

test(
  'a route that requires a permission rejects people without it, also operators who hold others',
  async () => {
    const guarded = routes.filter(({ access }) => access.includes(':'));
    const permissions = [...new Set(guarded.map(({ access }) => access))].sort();
    expect(permissions.length).toBeGreaterThan(7);
    const person = await join(url, 'without_permissions');
    for (const route of guarded) await expectRejected(route, person.token, [403, 'auth.forbidden']);

    // The first administrator's credentials reach auth asynchronously.
    const admin = await eventually(async () => {
      const { status, body } = await request(url, 'POST', '/auth/login', {
        body: { username: 'admin', password: ADMIN_PASSWORD },
      });
      expect(status).toBe(200);
      return String(body.access_token);
    });
    /** An operator with some of the permissions. */
    const operator = async (username: string, held: readonly string[]) => {
      const { id } = await join(url, username);
      const role = { name: username.replaceAll('_', '-'), permissions: held };
      expect((await request(url, 'POST', '/roles', { token: admin, body: role })).status).toBe(201);
      const assigned = { token: admin, body: { roles: ['user', role.name] } };
      expect((await request(url, 'PUT', `/users/id/${id}/roles`, assigned)).status).toBe(200);
      return eventually(async () => {
        const { token } = await signIn(url, username);
        const { body } = await request(url, 'GET', '/auth/me', { token });
        expect(body.permissions).toEqual(held);
        return token;
      });
    };
    const half = Math.ceil(permissions.length / 2);
    for (const [username, held] of [
      ['operator_one', permissions.slice(0, half)],
      ['operator_two', permissions.slice(half)],
    ] as const) {
      const token = await operator(username, held);
      for (const route of guarded)
        if (!held.includes(route.access)) await expectRejected(route, token, [403, 'auth.forbidden']);
    }
  },
  TEST_MS,
);
