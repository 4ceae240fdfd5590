import { expect, test } from 'bun:test';
import { join } from 'node:path';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { type AnyElysia, Elysia } from 'elysia';
import { SCOPES } from '#kit/auth/scopes';
import { uuidv7 } from '#kit/core/ids';
import { platform } from '#kit/http/platform';
import { routeClaims } from '#kit/http/route-claims';
import { type OperatorDeps, operatorPages } from '../gateway/pages/operators';
import { readContracts } from '../gateway/transcoding/contracts';
import { transcodedRoutes } from '../gateway/transcoding/rules';
import { idleRuntime, serviceApps, standIn } from '../scripts/openapi/apps';
import { testTokens } from './support/tokens';

const ROOT = join(import.meta.dir, '..');
const { verifier: tokens, authorization } = await testTokens();
const APP = uuidv7();
const ADA = { id: uuidv7(), username: 'ada' };
/** Of an extension of google.protobuf.MethodOptions, rookery/v1/scope.proto. */
const SCOPE_OPTION = 51_235;
const gateway = idleRuntime('gateway');
const ALL = Object.keys(SCOPES);

const apps: { name: string; app: AnyElysia }[] = [
  ...(await serviceApps({ tokens })),
  {
    name: 'gateway',
    app: new Elysia()
      .use(platform(gateway))
      .use(operatorPages(standIn<OperatorDeps>({ runtime: gateway, tokens }))),
  },
];
/** Every route that looks at tokens, of every process. */
const routes = apps.flatMap(({ name, app }) =>
  routeClaims(app)
    .filter(({ auth }) => auth !== 'public' && auth !== 'service')
    .map((route) => ({ name, app, ...route })),
);

type Route = (typeof routes)[number];

/** Valid but for the token, as far as a client without access can learn. */
async function answerOf({ app, method, path }: Route, token: string): Promise<[number, string | null]> {
  const url = `http://localhost${path.replaceAll(/:\w+/g, 'x').replace(/\*$/, 'x')}`;
  const response = await app.handle(new Request(url, { method, headers: { authorization: token } }));
  return [response.status, response.headers.get('www-authenticate')];
}

/** Of an app that may do all, but for one thing and what contains it. */
const appWithout = (scope: string | undefined, person = ADA) => {
  const scopes = ALL.filter(
    (held) =>
      scope !== held && scope?.startsWith(`${held}:`) !== true && (scope === undefined || held !== 'follow'),
  );
  return authorization(person, ['users:manage', 'gateway:read'], { app: { id: APP, scopes } });
};

test('no route of any process admits an app that does not hold its scope, or any app where it names none', async () => {
  expect(routes.length).toBeGreaterThan(150);
  for (const route of routes) {
    const { name, method, path, scope } = route;
    const challenge = `Bearer error="insufficient_scope"${scope === undefined ? '' : `, scope="${scope}"`}`;
    for (const person of [ADA, { id: APP, username: '' }]) {
      const answer = await answerOf(route, await appWithout(scope, person));
      expect([name, method, path, ...answer]).toEqual([name, method, path, 403, challenge]);
    }
  }
});

test('an app that acts for nobody is refused where a user is needed, whatever it holds', async () => {
  const alone = await authorization({ id: APP, username: '' }, [], { app: { id: APP, scopes: ALL } });
  for (const route of routes) {
    if (route.auth !== 'user' || route.scope === undefined) continue;
    const { name, method, path } = route;
    const [status] = await answerOf(route, alone);
    expect([name, method, path, status]).toEqual([name, method, path, 401]);
  }
});

test('what is about money, operators or sign-in is for no app, but for who somebody is', () => {
  const services = ['accounts', 'archives', 'auth', 'billing', 'gateway', 'mail', 'payments'];
  const named = routes.filter(
    ({ name, auth, scope }) =>
      scope !== undefined && scope !== 'openid' && (services.includes(name) || auth.includes(':')),
  );
  expect(named).toEqual([]);
});

test('reading needs a scope to read, and changing one to write', () => {
  const READS = ['GET', 'HEAD'];
  /** Read with a body, and the offset of what is being written. */
  const others = ['POST /likes/counts', 'HEAD /files/tus/:id'];
  const wrong = routes.filter(({ method, path, scope }) => {
    if (scope === undefined || scope === 'openid' || others.includes(`${method} ${path}`)) return false;
    return !scope.startsWith(READS.includes(method) ? 'read:' : 'write:');
  });
  expect(wrong.map(({ method, path }) => `${method} ${path}`)).toEqual([]);
});

test('a route that is transcoded needs the same scope over gRPC', async () => {
  const transcoded = transcodedRoutes(await readContracts()).map(({ service, method, pattern, rpc }) => {
    const option = rpc.proto.options?.$unknown?.find(({ no }) => no === SCOPE_OPTION);
    const scope = option && new BinaryReader(option.data).string();
    return [service, method, pattern, scope];
  });
  const expected = transcoded.map(([service, method, pattern]) => {
    const route = routes.find(
      ({ name, path, ...one }) => name === service && one.method === method && path === pattern,
    );
    return [service, method, pattern, route?.scope];
  });
  expect(transcoded.filter(([, , , scope]) => scope !== undefined).length).toBeGreaterThan(3);
  expect(transcoded).toEqual(expected);
});

test('whoever identifies the holder of a token, and admits them by rules of its own, is listed here', async () => {
  const files = [...new Bun.Glob('{gateway,kit,registry,services,workers}/**/*.ts').scanSync(ROOT)].filter(
    (file) => !file.endsWith('.test.ts'),
  );
  const texts = await Promise.all(files.map((file) => Bun.file(join(ROOT, file)).text()));
  const calling = files.filter((_, index) => /okens\.identif(?:y|ied)\(/.test(texts[index] ?? ''));
  expect(calling.sort()).toEqual([
    // The rules of routes and methods.
    'gateway/admission/route-access.ts',
    // Whose share of the rate limits a request takes.
    'gateway/admission/verified-callers.ts',
    'kit/grpc/access.ts',
    'kit/http/access.ts',
    // Whether what was admitted may go on.
    'kit/http/streams/event-streams.ts',
    'services/auth/tokens/service.ts',
    'services/chat/connections/connection.ts',
    // Browsers send tokens elsewhere than in `Authorization`.
    'services/chat/connections/handshake.ts',
  ]);
});
