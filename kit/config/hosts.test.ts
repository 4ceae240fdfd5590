import { expect, test } from 'bun:test';
import { parseEnvironment } from './environment';
import { beanstalkdAddresses, beanstalkdFields } from './fields';

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
