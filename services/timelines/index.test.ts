import { afterAll, expect, test } from 'bun:test';
import { routeClaims } from '#kit/http/route-claims';
import { testRuntime } from '../../tests/support/servers';
import { startTimelines } from '../../tests/support/timelines';

const runtime = testRuntime('timelines-routes');
const { app, call, storage } = await startTimelines(runtime);

afterAll(async () => {
  await runtime.close();
  await storage.drop();
});

test('every route enforces its access rule', async () => {
  for (const { method, path, auth: rule } of routeClaims(app)) {
    if (rule === 'public' || rule === 'optional') continue;
    const concrete = path.replaceAll(/:\w+/g, '12345');
    expect([method, path, (await call(method, concrete, { body: {} })).status]).toEqual([method, path, 401]);
  }
});

test('the route of a post is hedged', () => {
  const hedged = routeClaims(app).filter((claim) => claim.hedge_ms !== undefined);
  expect(hedged).toEqual([expect.objectContaining({ method: 'GET', path: '/posts/id/:id', hedge_ms: 250 })]);
});
