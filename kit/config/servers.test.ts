import { expect, test } from 'bun:test';
import { parseEnvironment } from './environment';
import { servers, serversOf } from './servers';

test('a list of servers has hosts, with a port where it differs', () => {
  expect(serversOf('db', 3306)).toEqual([{ host: 'db', port: 3306 }]);
  expect(serversOf('a.example, 10.0.0.2:3307,::1,[fe80::1]:3308,[::2]', 3306)).toEqual([
    { host: 'a.example', port: 3306 },
    { host: '10.0.0.2', port: 3307 },
    { host: '::1', port: 3306 },
    { host: 'fe80::1', port: 3308 },
    { host: '::2', port: 3306 },
  ]);
  expect(parseEnvironment({ DB_HOST: servers('x') }, { DB_HOST: 'a,b:1' }).values.DB_HOST).toBe('a,b:1');
});

test.each(['a,,b', 'a b', 'a:0', 'a:65536', 'a:x', '[a]:1', 'me@a', 'mysql://a', ','])(
  'of %p is rejected',
  (DB_HOST) => {
    expect(parseEnvironment({ DB_HOST: servers('x') }, { DB_HOST }).problems).toEqual([
      'DB_HOST must be a host, or several separated by commas, each with :port where it differs',
    ]);
  },
);
