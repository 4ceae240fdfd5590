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

  test('goes by who is asked for: id, username, roles', () => {
    expect(flags.value('beta', false, alice)).toBe(true);
    expect(flags.value('beta', true, bob)).toBe(false);
    expect(flags.value('limit', 1, alice)).toBe(20);
    expect(flags.value('limit', 1, null)).toBe(10);
    expect(flags.evaluate(null)).toEqual({ beta: false, limit: 10 });
  });

  test('that is unknown or of another type is what the code says', () => {
    expect(flags.value('unheard-of', true, alice)).toBe(true);
    expect(flags.value('beta', 7, alice)).toBe(7);
    expect(flags.value('limit', true, alice)).toBe(true);
  });

  test('of a share of people is the same for one person every time', () => {
    const half = createFlags({
      features: {
        half: { defaultValue: false, rules: [{ force: true, coverage: 0.5, hashAttribute: 'id' }] },
      },
    });
    const of = (id: string) => half.value('half', false, { id, username: id, roles: [] });
    const ids = Array.from({ length: 200 }, (_, index) => `person-${index}`);
    const on = ids.filter(of);
    expect(on.length).toBeGreaterThan(50);
    expect(on.length).toBeLessThan(150);
    expect(ids.filter(of)).toEqual(on);
  });

  test.each(['', 'null', '[]', '{}', '{"features":[]}', '{"features":{"beta":true}}'])(
    'is not read from %p',
    (text) => expect(() => parseFeatures(text)).toThrow(),
  );
});

describe('flags of a process', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rookery-flags-'));
  const runtimes: ReturnType<typeof testRuntime>[] = [];
  let answer: () => Response | Promise<Response> = () => new Response(null, { status: 503 });
  let asked: string[] = [];
  const growthBook = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch(request) {
      asked.push(new URL(request.url).pathname);
      return answer();
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
      GROWTHBOOK_CACHE_FILE: join(folder, 'kept', 'features.json'),
      FEATURES_FILE: join(folder, 'features.json'),
      FEATURES_REFRESH_MS: 20,
      ...environment,
    });
  }

  const untilBeta = (flags: ReturnType<typeof open>, value: boolean) =>
    eventually(() => expect(flags.value('beta', !value, bob)).toBe(value));

  test('come from a file where GrowthBook is not named, and follow it', async () => {
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
    writeFileSync(file, '{ half a fi');
    writeFileSync(join(folder, 'unrelated'), '');
    expect(flags.value('beta', true, bob)).toBe(false);
    writeFileSync(file, JSON.stringify(always(true)));
    await untilBeta(flags, true);
  });

  test('come from GrowthBook, stay through its outage, its nonsense and a restart meanwhile, and go on after it', async () => {
    answer = () => Response.json(always(true));
    const flags = open();
    // Nothing was known of GrowthBook yet: the file answers, and nobody waits.
    expect(flags.value('beta', true, bob)).toBe(false);
    await untilBeta(flags, true);
    expect(asked).toContain('/api/features/sdk-test');

    for (const failing of [
      () => new Response(null, { status: 503 }),
      () => new Response('{"features":{"beta":', { status: 200 }),
      () => Response.json({ status: 200 }),
    ]) {
      answer = failing;
      asked = [];
      await eventually(() => expect(asked.length).toBeGreaterThan(2));
      expect(flags.value('beta', false, bob)).toBe(true);
    }

    await eventually(() => expect(open().value('beta', false, bob)).toBe(true));
    answer = () => Response.json(always(false));
    await untilBeta(flags, false);
  });

  test('need both variables of GrowthBook', () => {
    expect(() => open({ GROWTHBOOK_CLIENT_KEY: undefined })).toThrow('GROWTHBOOK_CLIENT_KEY');
  });
});
