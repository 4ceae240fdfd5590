import { describe, expect, test } from 'bun:test';
import { parseEnvironment } from '../config/environment';
import { redisFields } from '../config/fields';
import { parseRedisAddress } from './address';

/** What a process connects to with these variables. */
function addressOf(source: NodeJS.ProcessEnv) {
  const { values, problems } = parseEnvironment(redisFields, source);
  expect(problems).toEqual([]);
  return parseRedisAddress(String(values.REDIS_URL));
}

const problemsOf = (REDIS_URL: string, more: NodeJS.ProcessEnv = {}) =>
  parseEnvironment(redisFields, { REDIS_URL, ...more }).problems;

describe('REDIS_URL', () => {
  test('is one server by default', () => {
    expect(addressOf({})).toEqual({
      kind: 'server',
      access: { tls: false },
      server: { host: '127.0.0.1', port: 16_379 },
    });
    expect(addressOf({ REDIS_URL: 'rediss://me:a%2Cb@redis/3' })).toEqual({
      kind: 'server',
      access: { tls: true, username: 'me', password: 'a,b', database: 3 },
      server: { host: 'redis', port: 6379 },
    });
  });

  test('is nodes of a cluster, all with the same credentials', () => {
    const nodes = 'redis+cluster://10.0.0.1:6379, redis+cluster://[::1]:7000,redis+cluster://redis';
    expect(addressOf({ REDIS_URL: nodes, REDIS_USER: 'likes', REDIS_PASSWORD: 'p,w@/' })).toEqual({
      kind: 'cluster',
      access: { tls: false, username: 'likes', password: 'p,w@/' },
      nodes: [
        { host: '10.0.0.1', port: 6379 },
        { host: '::1', port: 7000 },
        { host: 'redis', port: 6379 },
      ],
    });
  });

  test('is Sentinels of a master', () => {
    const sentinels = 'rediss+sentinel://10.0.0.1/rookery,rediss+sentinel://10.0.0.2:5000/rookery';
    expect(addressOf({ REDIS_URL: sentinels, REDIS_PASSWORD: 'secret' })).toEqual({
      kind: 'sentinel',
      access: { tls: true, password: 'secret' },
      sentinels: [
        { host: '10.0.0.1', port: 26_379 },
        { host: '10.0.0.2', port: 5000 },
      ],
      master: 'rookery',
    });
  });

  test('names one Redis', () => {
    for (const [url, problem] of [
      ['redis://a,redis://b', 'redis+cluster://'],
      ['redis+cluster://a,redis://b', 'same scheme'],
      ['redis+cluster://a,rediss+cluster://b', 'same scheme'],
      ['redis+cluster://a/1', 'no path'],
      ['redis+sentinel://a', 'one master'],
      ['redis+sentinel://a/one,redis+sentinel://b/other', 'one master'],
      ['redis+cluster://a,', 'must be a URL'],
      ['redis+cluster://a,b', 'must be a URL'],
      ['http://a', 'must be a URL'],
    ] as const)
      expect(problemsOf(url)).toEqual([expect.stringContaining(problem)]);
  });

  test('has a password in production, for every node', () => {
    const production = { NODE_ENV: 'production' };
    expect(problemsOf('redis+cluster://me:oFt4Wq@a,redis+cluster://b', production)).toHaveLength(1);
    expect(problemsOf('redis+cluster://me:oFt4Wq@a,redis+cluster://me:oFt4Wq@b', production)).toEqual([]);
  });
});
