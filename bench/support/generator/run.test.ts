import { afterAll, expect, test } from 'bun:test';
import type { PlannedRequest } from './plan';
import { drawRequests, prepareRequests } from './requests';
import { generate } from './run';

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === '/posts') return Response.json(await request.json(), { status: 201 });
    if (pathname === '/busy') return new Response('', { status: 503 });
    return Response.json({ items: [{ author: { username: pathname.slice(1) } }] });
  },
});
afterAll(() => server.stop(true));

async function load(planned: PlannedRequest, shape: Parameters<typeof generate>[1]['shape']) {
  const url = new URL(server.url);
  const draw = drawRequests(prepareRequests(url, [{ name: 'kind', requests: [planned] }]), { kind: 1 });
  let warm = 0;
  const onWarm = () => void warm++;
  const result = await generate(
    url,
    { mix: { kind: 1 }, warmUpSeconds: 0, seconds: 0.2, shape },
    { draw, onWarm },
  );
  return { ...result, warm };
}

const homeOf = (reader: string, authors: string[]): PlannedRequest => ({
  method: 'GET',
  path: `/${reader}`,
  token: 'a-token',
  expected: { status: 200, items: { atLeast: 1, authors } },
});

test('a closed loop keeps its connections busy', async () => {
  const { responses, failures, warm } = await load(homeOf('alice', ['alice']), {
    kind: 'closed',
    connections: 3,
  });
  expect(responses).toBeGreaterThan(0);
  expect({ failures, warm }).toEqual({ failures: {}, warm: 1 });
});

test('an open loop sends what is due, whatever becomes of it', async () => {
  const body = { text: 'a thought', author: { username: 'alice' } };
  const expected = { status: 201, fields: { 'author.username': 'alice' } };
  const compose = { method: 'POST', path: '/posts', body, expected };
  const { responses, failures, latency } = await load(compose, { kind: 'open', requestsPerSecond: 200 });
  // A Poisson process of 40 in the mean, the same each time.
  expect(responses).toBeGreaterThan(20);
  expect(responses).toBeLessThan(60);
  expect(failures).toEqual({});
  expect(latency.max).toBeGreaterThan(0);
});

test('other statuses and wrong content are failures', async () => {
  const busy = await load({ ...homeOf('busy', []), path: '/busy' }, { kind: 'closed', connections: 1 });
  expect(busy.responses).toBe(0);
  expect(Object.keys(busy.failures)).toEqual(['kind: status 503']);
  const foreign = await load(homeOf('mallory', ['alice']), { kind: 'closed', connections: 1 });
  expect(Object.keys(foreign.failures)).toEqual([
    'kind: a list has an author whom its reader does not follow',
  ]);
});
