import { beforeAll, expect, test } from 'bun:test';
import type { Instance } from '#contracts/registry';
import { request } from '../support/client';
import { eventually } from '../support/eventually';
import { sharedSystem } from '../support/shared-system';
import type { System } from '../support/system';

const START_MS = 240_000;
const TEST_MS = 120_000;
const PASSWORD = 'a password of this test';
/** A value that passes path validation, so that authentication is checked. */
const ANY_VALUE = '1';

interface ProtectedRoute {
  readonly service: string;
  readonly address: string;
  readonly method: string;
  readonly path: string;
  readonly auth: string;
}

let system: System;
let services: Record<string, Instance[]>;
let routes: ProtectedRoute[];
let created = 0;

beforeAll(async () => {
  system = await sharedSystem();
  const listing = await request(system.process('registry').url, 'GET', '/services');
  services = listing.body.services as Record<string, Instance[]>;
  routes = Object.keys(services).flatMap((service) =>
    (runningInstance(service)?.routes ?? [])
      .filter(({ auth }) => auth !== 'public' && auth !== 'optional')
      .map(({ method, path, auth }) => ({
        service,
        address: system.process(service).url,
        method,
        path: path.replaceAll(/:[^/]+|\*$/g, ANY_VALUE),
        auth,
      })),
  );
}, START_MS);

/** The registry may still list others, which another test has killed. */
const runningInstance = (service: string) =>
  services[service]?.find(({ port }) => String(port) === new URL(system.process(service).url).port);

async function signUp() {
  const username = `protected_${++created}`;
  const body = { username, email: `${username}@example.com`, password: PASSWORD };
  const registered = await request(system.url, 'POST', '/auth/register', { body });
  expect(registered.status).toBe(201);
  return {
    id: String((registered.body.user as { id: string }).id),
    username,
    token: String(registered.body.access_token),
  };
}

/** The response status of each route, one line each, so that a failure names the route. */
const statusesOf = (requested: readonly ProtectedRoute[], token?: string): Promise<string[]> =>
  Promise.all(
    requested.map(async ({ service, address, method, path, auth }) => {
      const { status } = await request(address, method, path, token === undefined ? {} : { token });
      return `${service}: ${method} ${path} (${auth}): ${status}`;
    }),
  );

const allWith = (requested: readonly ProtectedRoute[], status: number): string[] =>
  requested.map(({ service, method, path, auth }) => `${service}: ${method} ${path} (${auth}): ${status}`);

test('every service registers its routes, and most of them are protected', () => {
  for (const name of ['users', 'auth', 'timelines', 'likes', 'polls', 'mail'])
    expect(runningInstance(name)).toBeDefined();
  expect(routes.length).toBeGreaterThan(60);
});

test(
  'every protected route rejects requests without a token or with an invalid one',
  async () => {
    expect(await statusesOf(routes)).toEqual(allWith(routes, 401));
    expect(await statusesOf(routes, 'not.a.token')).toEqual(allWith(routes, 401));
  },
  TEST_MS,
);

test(
  'routes reject people without the required permission, and service routes reject all people',
  async () => {
    const { token } = await signUp();
    const ofServices = routes.filter(({ auth }) => auth === 'service');
    const ofPermissions = routes.filter(({ auth }) => auth !== 'user' && auth !== 'service');
    expect(ofPermissions.length).toBeGreaterThan(15);
    expect(await statusesOf(ofPermissions, token)).toEqual(allWith(ofPermissions, 403));
    expect(await statusesOf(ofServices, token)).toEqual(allWith(ofServices, 401));
    const own = await request(system.url, 'GET', '/routes');
    const ownWithToken = await request(system.url, 'GET', '/routes', { token });
    expect([own.status, ownWithToken.status]).toEqual([401, 403]);
  },
  TEST_MS,
);

/** One read-only route of each service, and the gateway's own. */
const oneOfEach = (): ProtectedRoute[] => [
  ...new Map(
    routes
      .filter(({ method, auth }) => method === 'GET' && auth !== 'service')
      .map((route) => [route.service, route]),
  ).values(),
  { service: 'gateway', address: system.url, method: 'GET', path: '/routes', auth: 'gateway:read' },
];

test.each([
  ['signing out', (person: Person) => request(system.url, 'POST', '/auth/logout', { token: person.token })],
  ['changing the password', (person: Person) => changePassword(person)],
])(
  '%s ends a token at every service',
  async (_what, end) => {
    const person = await signUp();
    const requested = oneOfEach();
    for (const line of await statusesOf(requested, person.token)) expect(line).not.toEndWith(': 401');
    expect((await end(person)).status).toBeWithin(200, 205);
    await eventually(async () =>
      expect(await statusesOf(requested, person.token)).toEqual(allWith(requested, 401)),
    );
  },
  TEST_MS,
);

type Person = Awaited<ReturnType<typeof signUp>>;

/** Changes the password from another session, which stays valid; all others end. */
async function changePassword(person: Person) {
  const body = { username: person.username, password: PASSWORD };
  const other = await request(system.url, 'POST', '/auth/login', { body });
  return request(system.url, 'PATCH', `/auth/users/${person.id}`, {
    token: String(other.body.access_token),
    body: { current_password: PASSWORD, new_password: 'another password of this test' },
  });
}
