import { afterAll, expect, test } from 'bun:test';
import { Elysia, t } from 'elysia';
import { callerOf } from '../../tests/support/call';
import { testRuntime } from '../../tests/support/servers';
import { testTokens } from '../../tests/support/tokens';
import { access } from './access';
import { conditional } from './conditional';
import { platform } from './platform';
import { noContent } from './responses';

const runtime = testRuntime('private-responses');
const tokens = await testTokens();
const authorization = await tokens.authorization({ id: Bun.randomUUIDv7(), username: 'ada' }, [
  'things:read',
]);
afterAll(() => runtime.close());

const anything = { response: t.Any() };
const app = new Elysia()
  .use(platform(runtime))
  .use(access(tokens.verifier, async () => 'users'))
  .use(conditional)
  .get('/open', () => ({ name: 'thing' }), { public: true, ...anything })
  .get('/mine', () => ({ name: 'thing' }), { user: true, ...anything })
  .get('/maybe-mine', () => ({ name: 'thing' }), { optionalUser: true, ...anything })
  .get('/permitted', () => new Response('a'), { permission: 'things:read', ...anything })
  .get('/internal', () => 'a', { service: ['users'], ...anything })
  .get('/tagged', () => ({ name: 'thing' }), { user: true, etag: true, ...anything })
  .get('/nothing', ({ set }) => noContent(set, Promise.resolve()), {
    user: true,
    detail: { responses: { 204: { description: '' } } },
  })
  .get('/set', ({ set }) => Object.assign(set.headers, { 'cache-control': 'private, max-age=5' }) && 'a', {
    user: true,
    ...anything,
  })
  .get('/own', () => new Response('a', { headers: { 'cache-control': 'private, max-age=6' } }), {
    user: true,
    ...anything,
  })
  .get('/file', () => new Response('a', { headers: { etag: '"1"' } }), { user: true, ...anything })
  .get('/cookie', ({ set }) => Object.assign(set.headers, { 'set-cookie': 'a=b' }) && 'a', {
    public: true,
    ...anything,
  })
  .get('/jar', ({ cookie }) => cookie.a?.set({ value: 'b' }) && 'a', { public: true, ...anything })
  .get('/token', () => ({ access_token: 'secret' }), { public: true, ...anything });
const call = callerOf(app);

const cacheControl = async (path: string, headers: Record<string, string> = { authorization }) => {
  const response = await app.handle(new Request(`http://localhost${path}`, { headers }));
  return [response.status, response.headers.get('cache-control')];
};

test('what is personal is stored by no cache, unless its route says otherwise', async () => {
  const STORED_BY_NONE = 'private, no-store';
  for (const path of ['/mine', '/maybe-mine', '/permitted', '/internal'])
    expect([path, ...(await cacheControl(path))]).toEqual([path, 200, STORED_BY_NONE]);
  expect(await cacheControl('/nothing')).toEqual([204, STORED_BY_NONE]);
  for (const path of ['/cookie', '/jar', '/token'])
    expect([path, ...(await cacheControl(path, {}))]).toEqual([path, 200, STORED_BY_NONE]);
  expect(await cacheControl('/set')).toEqual([200, 'private, max-age=5']);
  expect(await cacheControl('/own')).toEqual([200, 'private, max-age=6']);
  for (const path of ['/open', '/maybe-mine']) expect(await cacheControl(path, {})).toEqual([200, null]);
  // Of errors each is its reader's own.
  expect((await call('GET', '/mine')).headers.get('cache-control')).toBe('no-store');
});

test('what has an entity tag may be kept by its reader, who asks before each use', async () => {
  for (const path of ['/tagged', '/file'])
    expect([path, ...(await cacheControl(path))]).toEqual([path, 200, 'private, no-cache']);
  const etag = (await call('GET', '/tagged', { authorization })).headers.get('etag') ?? '';
  const again = await cacheControl('/tagged', { authorization, 'if-none-match': etag });
  expect(again).toEqual([304, 'private, no-cache']);
});
