import { expect, test } from 'bun:test';
import { mysqlAddress } from '../mysql/address';
import { parseEnvironment } from './environment';
import { beanstalkdAddresses, beanstalkdFields, mysqlFields } from './fields';

const addressesOf = (source: NodeJS.ProcessEnv) => {
  const { values, problems } = parseEnvironment(beanstalkdFields, source);
  expect(problems).toEqual([]);
  return beanstalkdAddresses(values);
};

test('one server is named as ever', () => {
  expect(addressesOf({})).toEqual([{ host: '127.0.0.1', port: 21300 }]);
  expect(addressesOf({ BEANSTALKD_HOST: 'beanstalkd', BEANSTALKD_PORT: '11300' })).toEqual([
    { host: 'beanstalkd', port: 11300 },
  ]);
  expect(addressesOf({ BEANSTALKD_HOST: '::1' })).toEqual([{ host: '::1', port: 21300 }]);
});

test('several servers have the common port, or one of their own', () => {
  expect(
    addressesOf({ BEANSTALKD_HOST: 'jobs-1, jobs-2:80,[fd00::1]:11301,10.0.0.7', BEANSTALKD_PORT: '11300' }),
  ).toEqual([
    { host: 'jobs-1', port: 11300 },
    { host: 'jobs-2', port: 80 },
    { host: 'fd00::1', port: 11301 },
    { host: '10.0.0.7', port: 11300 },
  ]);
});

test('what names no server, or one twice, is rejected', () => {
  for (const host of [
    ...['jobs-1,,jobs-2', ',', 'jobs-1:', 'jobs-1:0', 'jobs-1:70000', 'a b', 'tcp://jobs-1', 'jobs-1/x'],
    ...['me@jobs-1', 'jobs-1?x', 'jobs-1:11300,jobs-1:11300', 'jobs-1,jobs-1'],
  ])
    expect(parseEnvironment(beanstalkdFields, { BEANSTALKD_HOST: host }).problems, host).toHaveLength(1);
});

test('a database has such servers too, the preferred one first', () => {
  const { values, problems } = parseEnvironment(mysqlFields, { DB_HOST: 'a, b:3307,::1,[fe80::1]:3308' });
  expect(problems).toEqual([]);
  expect(mysqlAddress({ ...values, DB_PORT: 3306 }, 'users')).toMatchObject({
    ...{ host: 'a', port: 3306, database: 'users' },
    standbys: [
      { host: 'b', port: 3307 },
      { host: '::1', port: 3306 },
      { host: 'fe80::1', port: 3308 },
    ],
  });
  for (const DB_HOST of ['a,,b', 'a b', 'a:0', 'a:65536', 'a:x', '[a]:1', 'me@a', 'mysql://a', ',', 'a,a'])
    expect(parseEnvironment(mysqlFields, { DB_HOST }).problems, DB_HOST).toHaveLength(1);
});
