import { afterAll, describe, expect, test } from 'bun:test';
import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { pino } from 'pino';
import { eventually } from '../../../tests/support/eventually';
import { testTokens } from '../../../tests/support/tokens';
import { createRuntime } from '../../core/runtime';
import { access } from '../access';
import { platform } from '../platform';
import { stayWarm, warmUp } from './warm-up';

const unhurried = { maxMs: Number.POSITIVE_INFINITY };
const { verifier } = await testTokens();

function createScene() {
  const lines: string[] = [];
  const log = pino({ base: null, timestamp: false }, { write: (line) => void lines.push(line) });
  const runtime = createRuntime({ name: 'warm', version: 'test', log });
  const seen: string[] = [];
  const app = new Elysia()
    .use(platform(runtime))
    .use(access(verifier))
    .get('/public', ({ query }) => void seen.push(`public ${query.limit}`), {
      public: true,
      query: Type.Object({ limit: Type.Optional(Type.String()) }),
    })
    .get('/mine', ({ caller }) => void seen.push(caller.id), { user: true })
    .get(
      '/broken',
      () => {
        seen.push('broken');
        throw new Error('no connection');
      },
      { public: true },
    );
  return { app, runtime, lines, seen };
}

const scenes: ReturnType<typeof createScene>[] = [];
const scene = () => {
  const created = createScene();
  scenes.push(created);
  return created;
};
afterAll(async () => {
  for (const { runtime } of scenes) await runtime.close();
});

describe('a service that warms up', () => {
  test('runs its routes, for anybody and as nobody, without a trace in logs and metrics', async () => {
    const { app, runtime, lines, seen } = scene();
    await warmUp(runtime, app, [{ path: '/public?limit=5' }, { path: '/mine', asUser: true }], unhurried);
    expect(new Set(seen)).toEqual(new Set(['public 5', '00000000-0000-7000-8000-000000000000']));
    // What is recorded of a request is recorded after its response.
    await new Promise((resolve) => setImmediate(resolve));
    expect(lines).toEqual([]);
    expect(await runtime.metrics.metrics()).not.toContain('route="/public"');
  });

  test('stops at what fails, and says so once', async () => {
    const { app, runtime, lines, seen } = scene();
    await warmUp(runtime, app, [{ path: '/broken' }, { path: '/mine' }, { path: '/public' }], unhurried);
    expect(seen.filter((one) => one === 'broken').length).toBeLessThan(10);
    expect(seen).toContain('public undefined');
    const said = lines
      .map((line) => JSON.parse(line))
      .map(({ level, path, status }) => ({ level, path, status }));
    expect(said).toEqual([
      { level: 30, path: '/broken', status: 500 },
      { level: 30, path: '/mine', status: 401 },
    ]);
  });

  test('starts without it when there is no time', async () => {
    const { app, runtime, seen } = scene();
    await warmUp(runtime, app, [{ path: '/public' }], { maxMs: -1 });
    expect(seen).toEqual([]);
  });

  test('does nothing while it is shutting down', async () => {
    const { app, runtime, seen } = scene();
    await runtime.close();
    await warmUp(runtime, app, [{ path: '/public' }], unhurried);
    expect(seen).toEqual([]);
  });
});

test('a service that stays warm repeats them until it shuts down, whatever fails', async () => {
  const { app, runtime, seen, lines } = scene();
  stayWarm(runtime, app, [{ path: '/broken' }, { path: '/public' }], { everyMs: 1 });
  await eventually(() => expect(seen.filter((one) => one === 'public undefined').length).toBeGreaterThan(2));
  await runtime.close();
  expect(lines.filter((line) => line.includes('/broken'))).toEqual([]);
});

test('nobody from outside is taken for the user of a warm-up', async () => {
  const { app } = scene();
  expect((await app.handle(new Request('http://localhost/mine'))).status).toBe(401);
});
