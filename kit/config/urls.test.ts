import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { createClient } from 'redis';
import { mysqlAddress } from '../mysql/address';
import { parseRedisAddress } from '../redis/address';
import { parseEnvironment } from './environment';
import { amqpFields, mysqlFields, redisFields } from './fields';
import { credentialsOf, optionalDatabaseUrl, publicUrl } from './urls';

const production = { NODE_ENV: 'production' };
/** Any characters that an environment variable can hold: anything but NUL. */
const anything = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 40 })
  .filter((value) => !value.includes('\0') && value.isWellFormed());
/** Those that a base64 password and a shell are likely to contain, more often. */
const secretText = fc.oneof(
  anything,
  fc.string({ unit: fc.constantFrom(...'/+=@#%?&:;[]\\"\'$ é鳥0a'), minLength: 1 }),
);

const valuesOf = (...[fields, source]: Parameters<typeof parseEnvironment>) => {
  const { values, problems } = parseEnvironment(fields, source);
  expect(problems).toEqual([]);
  return values;
};

describe('credentials of any characters', () => {
  test('reach RabbitMQ as they are', () => {
    fc.assert(
      fc.property(secretText, secretText, (user, password) => {
        const source = {
          AMQP_URL: 'amqp://rabbit:5672/v?heartbeat=5',
          AMQP_USER: user,
          AMQP_PASSWORD: password,
        };
        const [text = ''] = valuesOf(amqpFields, source).AMQP_URL as readonly string[];
        const url = new URL(text);
        expect(credentialsOf(url.href)).toEqual({ user, password });
        expect([url.host, url.pathname, url.search]).toEqual(['rabbit:5672', '/v', '?heartbeat=5']);
      }),
    );
  });

  test('reach Redis as they are', async () => {
    await fc.assert(
      fc.asyncProperty(fc.option(secretText, { nil: undefined }), secretText, async (user, password) => {
        const source = { REDIS_URL: 'rediss://redis:6380/1', REDIS_USER: user, REDIS_PASSWORD: password };
        const url = String(valuesOf(redisFields, source).REDIS_URL);
        const { options } = createClient({ url });
        expect([options?.username, options?.password, options?.database]).toEqual([user, password, 1]);
        expect(options?.socket).toMatchObject({ host: 'redis', port: 6380, tls: true });
      }),
    );
  });

  test('reach MySQL as they are, in variables and percent-encoded in a URL', () => {
    fc.assert(
      fc.property(secretText, fc.string({ minLength: 16 }), (user, password) => {
        const source = { DB_HOST: 'db', DB_USER: user, DB_PASSWORD: password };
        const { values, problems } = parseEnvironment(mysqlFields, source);
        expect(problems).toEqual([]);
        const address = { host: 'db', user, password, database: 'things' };
        const shared = { ...values, DB_PORT: 3306 };
        expect(mysqlAddress(shared, 'things')).toMatchObject(address);
        const url = `mysql://${encodeURIComponent(user)}:${encodeURIComponent(password)}@db/things`;
        expect(valuesOf({ URL: optionalDatabaseUrl() }, { URL: url }).URL).toBe(url);
        expect(mysqlAddress(shared, 'other', url)).toMatchObject(address);
      }),
    );
  });

  test('that stand unencoded in a URL, and so cut it, are rejected with the variable they belong in', () => {
    // A password that begins with a digit makes the rest of it a path: the host would be the user.
    for (const password of ['pa/ss', '12/34', 'a#b', '1#2', '1?2', '50%', '%zz'])
      expect(
        parseEnvironment(amqpFields, { AMQP_URL: `amqp://me:${password}@rabbit:5672` }).problems,
      ).toEqual([expect.stringContaining('AMQP_PASSWORD')]);
  });
});

describe('the URL of a server', () => {
  const problemsOf = (AMQP_URL?: string, more: NodeJS.ProcessEnv = {}) =>
    parseEnvironment(amqpFields, { ...production, AMQP_URL, ...more }).problems;

  test('in production has a password that is not well-known', () => {
    for (const [url, problem] of [
      [undefined, 'well-known'],
      ['amqp://rabbit', 'no password'],
      ['amqp://guest:guest@rabbit', 'well-known'],
      ['amqps://rookery:password@rabbit', 'well-known'],
      ['amqp://rookery:rookery-development@rabbit', 'well-known'],
    ] as const)
      expect(problemsOf(url)).toEqual([expect.stringContaining(problem)]);
    expect(problemsOf('amqp://rookery:oFt4Wq@rabbit')).toEqual([]);
    expect(problemsOf('amqp://rabbit', { AMQP_USER: 'rookery', AMQP_PASSWORD: 'o/F+t4=' })).toEqual([]);
    expect(parseEnvironment(redisFields, { ...production, REDIS_URL: 'redis://redis' }).problems).toEqual([
      expect.stringContaining('set REDIS_USER and REDIS_PASSWORD'),
    ]);
  });

  test('takes its credentials from one place', () => {
    expect(problemsOf('amqp://me:mine1@rabbit', { AMQP_PASSWORD: 'other' })).toEqual([
      expect.stringContaining('must not be set'),
    ]);
  });

  test('may be one of several, which have the same credentials and path', () => {
    const nodes = 'amqp://rabbit-1:5672/v, amqps://rabbit-2/v?heartbeat=5,amqp://[fd00::3]/v';
    const credentials = { AMQP_USER: 'users', AMQP_PASSWORD: 'o,F/+t4=' };
    const { values, problems } = parseEnvironment(amqpFields, { AMQP_URL: nodes, ...credentials });
    expect(problems).toEqual([]);
    expect(values.AMQP_URL.map((url) => [new URL(url).host, new URL(url).search])).toEqual([
      ['rabbit-1:5672', ''],
      ['rabbit-2', '?heartbeat=5'],
      ['[fd00::3]', ''],
    ]);
    for (const url of values.AMQP_URL)
      expect(credentialsOf(url)).toEqual({ user: 'users', password: 'o,F/+t4=' });
    expect(problemsOf(nodes, credentials)).toEqual([]);
    // Of the others one has none.
    expect(problemsOf('amqp://me:oFt4Wq@rabbit-1,amqp://rabbit-2')).toEqual([
      expect.stringContaining('no password'),
    ]);
    expect(problemsOf('amqp://rabbit-1/v,amqp://rabbit-2/w', credentials)).toEqual([
      expect.stringContaining('the same path'),
    ]);
    for (const half of ['amqp://rabbit-1,amqp://', 'amqp://rabbit-1,rabbit-2', 'amqp://rabbit-1,'])
      expect(problemsOf(half, credentials), half).toHaveLength(1);
  });

  test('may have a comma in its password, also where Redis is one', () => {
    const one = valuesOf(redisFields, { REDIS_URL: 'redis://me:a,b@redis:6380' });
    expect(parseRedisAddress(String(one.REDIS_URL))).toMatchObject({
      server: { host: 'redis', port: 6380 },
      access: { username: 'me', password: 'a,b' },
    });
    const cluster = valuesOf(redisFields, {
      REDIS_URL: 'redis+cluster://me:a,b@r-1,redis+cluster://me:a,b@r-2',
    });
    expect(parseRedisAddress(String(cluster.REDIS_URL))).toMatchObject({
      nodes: [{ host: 'r-1' }, { host: 'r-2' }],
      access: { password: 'a,b' },
    });
    const { values, problems } = parseEnvironment(amqpFields, {
      AMQP_URL: 'amqp://me:a,b@rabbit-1,amqp://me:,@rabbit-2',
    });
    expect(problems).toEqual([]);
    expect(values.AMQP_URL.map((url) => credentialsOf(url).password)).toEqual(['a,b', ',']);
  });

  test('has a scheme of that server, and a host', () => {
    for (const url of ['http://rabbit', 'rabbit:5672', 'amqp://', 'redis://rabbit'])
      expect(problemsOf(url)).toEqual([expect.stringContaining('amqp://')]);
  });
});

test('the public URL is one that clients can use', () => {
  const problemsOf = (PUBLIC_URL?: string) =>
    parseEnvironment({ PUBLIC_URL: publicUrl(undefined) }, { ...production, PUBLIC_URL }).problems;
  for (const url of [
    undefined,
    'ftp://example.com',
    'javascript:alert(1)',
    'https://a:b@example.com',
    'https://a.b/?c',
  ])
    expect(problemsOf(url)).toHaveLength(1);
  expect(problemsOf('https://api.example.com/base')).toEqual([]);
});
