import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFlags, parseFeatures } from '#kit/flags/flags';
import { type FlagsEnvironment, openFlags } from '#kit/flags/source';
import { eventually } from '../../tests/support/eventually';
import { testRuntime } from '../../tests/support/servers';

const alice = { id: 'a', username: 'alice', roles: ['user', 'moderator'] };
const bob = { id: 'b', username: 'bob', roles: ['user'] };

const moderatorsOnly = {
  features: {
    beta: { defaultValue: false, rules: [{ condition: { roles: { $in: ['moderator'] } }, force: true }] },
    limit: { defaultValue: 10, rules: [{ condition: { username: 'alice' }, force: 20 }] },
  },
};
const always = (value: boolean) => ({ features: { beta: { defaultValue: value } } });

describe('a flag', () => {
  const flags = createFlags(moderatorsOnly);

  test('depends on the user: id, username, roles', () => {
    expect(flags.value('beta', false, alice)).toBe(true);
    expect(flags.value('beta', true, bob)).toBe(false);
    expect(flags.value('limit', 1, alice)).toBe(20);
    expect(flags.value('limit', 1, null)).toBe(10);
    expect(flags.evaluate(null)).toEqual({ beta: false, limit: 10 });
  });

  test('that is unknown or of another type has the fallback value', () => {
    expect(flags.value('unknown', true, alice)).toBe(true);
    expect(flags.value('beta', 7, alice)).toBe(7);
    expect(flags.value('limit', true, alice)).toBe(true);
  });

  test('with a percentage rollout is stable per user', () => {
    const half = createFlags({
      features: {
        half: { defaultValue: false, rules: [{ force: true, coverage: 0.5, hashAttribute: 'id' }] },
      },
    });
    const of = (id: string) => half.value('half', false, { id, username: id, roles: [] });
    const ids = Array.from({ length: 200 }, (_, index) => `user-${index}`);
    const on = ids.filter(of);
    expect(on.length).toBeGreaterThan(50);
    expect(on.length).toBeLessThan(150);
    expect(ids.filter(of)).toEqual(on);
  });

  test.each(['', 'null', '[]', '{}', '{"features":[]}', '{"features":{"beta":true}}'])(
    'is not parsed from %p',
    (text) => expect(() => parseFeatures(text)).toThrow(),
  );
});

describe('flags of a process', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rookery-flags-'));
  const runtimes: ReturnType<typeof testRuntime>[] = [];
  let respond: () => Response | Promise<Response> = () => new Response(null, { status: 503 });
  let requested: string[] = [];
  const growthBook = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch(request) {
      requested.push(new URL(request.url).pathname);
      return respond();
    },
  });

  beforeAll(() => writeFileSync(join(folder, 'features.json'), JSON.stringify(always(false))));
  afterAll(async () => {
    for (const runtime of runtimes) await runtime.close();
    await growthBook.stop(true);
    rmSync(folder, { recursive: true });
  });

  function open(environment: Partial<FlagsEnvironment> = {}) {
    const runtime = testRuntime('flags');
    runtimes.push(runtime);
    return openFlags(runtime, {
      GROWTHBOOK_API_HOST: `http://127.0.0.1:${growthBook.port}`,
      GROWTHBOOK_CLIENT_KEY: 'sdk-test',
      GROWTHBOOK_CACHE_FILE: join(folder, 'cache', 'features.json'),
      FEATURES_FILE: join(folder, 'features.json'),
      FEATURES_REFRESH_MS: 20,
      ...environment,
    });
  }

  const untilBeta = (flags: ReturnType<typeof open>, value: boolean) =>
    eventually(() => expect(flags.value('beta', !value, bob)).toBe(value));

  test('come from a file when GrowthBook is not configured, and follow its changes', async () => {
    const file = join(folder, 'own.json');
    writeFileSync(file, JSON.stringify(always(true)));
    const flags = open({
      GROWTHBOOK_API_HOST: undefined,
      GROWTHBOOK_CLIENT_KEY: undefined,
      FEATURES_FILE: file,
    });
    expect(flags.value('beta', false, bob)).toBe(true);
    writeFileSync(file, JSON.stringify(always(false)));
    await untilBeta(flags, false);
    writeFileSync(file, '{ "featu');
    writeFileSync(join(folder, 'unrelated'), '');
    expect(flags.value('beta', true, bob)).toBe(false);
    writeFileSync(file, JSON.stringify(always(true)));
    await untilBeta(flags, true);
  });

  test('come from GrowthBook, and survive outages, invalid responses and restarts', async () => {
    respond = () => Response.json(always(true));
    const flags = open();
    // Until the first response the file is used, without waiting.
    expect(flags.value('beta', true, bob)).toBe(false);
    await untilBeta(flags, true);
    expect(requested).toContain('/api/features/sdk-test');

    for (const failing of [
      () => new Response(null, { status: 503 }),
      () => new Response('{"features":{"beta":', { status: 200 }),
      () => Response.json({ status: 200 }),
    ]) {
      respond = failing;
      requested = [];
      await eventually(() => expect(requested.length).toBeGreaterThan(2));
      expect(flags.value('beta', false, bob)).toBe(true);
    }

    await eventually(() => expect(open().value('beta', false, bob)).toBe(true));
    respond = () => Response.json(always(false));
    await untilBeta(flags, false);
  });

  test('require both variables of GrowthBook', () => {
    expect(() => open({ GROWTHBOOK_CLIENT_KEY: undefined })).toThrow('GROWTHBOOK_CLIENT_KEY');
  });
});
