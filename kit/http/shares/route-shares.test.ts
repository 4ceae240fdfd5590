import { afterAll, expect, test } from 'bun:test';
import { Elysia } from 'elysia';
import { eventually } from '../../../tests/support/eventually';
import { testRuntime } from '../../../tests/support/servers';
import { testTokens } from '../../../tests/support/tokens';
import { access } from '../access';
import { leaveUnread } from '../body/leave-unread';
import { platform } from '../platform';
import { routeClaims } from '../route-claims';

const runtime = testRuntime('route-shares');
const tokens = await testTokens();
let finish = Promise.withResolvers<void>();
let running = 0;

const app = new Elysia()
  .use(platform(runtime))
  .use(access(tokens.verifier))
  .get(
    '/search',
    async () => {
      running++;
      await finish.promise.finally(() => running--);
      return { items: [] };
    },
    { optionalUser: true, share: 'searches' },
  );
const ada = await tokens.authorization({ id: Bun.randomUUIDv7(), username: 'ada' });
const bob = await tokens.authorization({ id: Bun.randomUUIDv7(), username: 'bob' });

afterAll(() => runtime.close());

const search = (from: string, authorization?: string) =>
  Promise.resolve(
    app.handle(
      new Request('http://localhost/search', {
        headers: { 'x-forwarded-for': from, ...(authorization && { authorization }) },
      }),
    ),
  );
const used = async () =>
  /^share_places_used\{share="searches",who="all"\} (\d+)$/m.exec(await runtime.metrics.metrics())?.[1];

/** The statuses that came at once: the others are running. */
async function flood(count: number, send: (number: number) => Promise<Response>): Promise<Response[]> {
  const refused: Response[] = [];
  const before = running;
  for (let number = 0; number < count; number++)
    void send(number).then((response) => response.status !== 200 && refused.push(response));
  await eventually(() => running - before + refused.length === count);
  return refused;
}

test('searches of strangers, from one address or from many, leave room for people; one person has a share', async () => {
  const fromOne = await flood(40, () => search('203.0.113.1'));
  expect([fromOne.length, fromOne[0]?.status]).toEqual([24, 429]);
  expect(await fromOne[0]?.json()).toMatchObject({ code: 'request.share-exceeded' });
  const fromMany = await flood(100, (number) => search(`198.51.100.${number}`));
  expect([fromMany.length, fromMany[0]?.status]).toEqual([52, 503]);
  expect([fromMany[0]?.headers.get('retry-after'), await fromMany[0]?.json()]).toMatchObject([
    '2',
    { code: 'service.busy' },
  ]);
  const ofAda = await flood(20, () => search('203.0.113.1', ada));
  expect([ofAda.length, ofAda[0]?.status]).toEqual([4, 429]);
  expect(await flood(16, () => search('203.0.113.1', bob))).toEqual([]);
  expect(await used()).toBe('96');
  expect(await runtime.metrics.metrics()).toContain(
    'share_refusals_total{share="searches",reason="full"} 52',
  );
  finish.resolve();
  await eventually(async () => expect(await used()).toBe('0'));
});

test('a place is given back after an error, a refusal, and HEAD', async () => {
  finish = Promise.withResolvers();
  const failing = search('203.0.113.1');
  await eventually(() => running === 1);
  finish.reject(new Error('the database is away'));
  expect((await failing).status).toBe(500);
  await eventually(async () => expect(await used()).toBe('0'));
  finish = Promise.withResolvers();
  finish.resolve();
  for (const [method, path] of [
    ['HEAD', '/search'],
    ['GET', '/search?unknown=1'],
    ['GET', '/nowhere'],
  ] as const)
    await app.handle(new Request(`http://localhost${path}`, { method }));
  await eventually(async () => expect(await used()).toBe('0'));
});

test('a route that receives a body of its own cannot be served without a share', () => {
  const upload = (options: object) =>
    routeClaims(
      new Elysia()
        .use(platform(testRuntime('route-shares')))
        .use(access(tokens.verifier))
        .post('/files', () => 'stored', { user: true, parse: leaveUnread, ...options }),
    );
  expect(() => upload({})).toThrow('POST /files receives a body without a share');
  expect(upload({ share: 'uploads' })).toHaveLength(1);
});
