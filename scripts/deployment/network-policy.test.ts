import { expect, test } from 'bun:test';
import { networkPolicy } from './network-policy';

test('a process may connect to the port of every server in a list', () => {
  const settings = {
    AMQP_URL: 'amqps://rabbit-1, amqps://rabbit-2:5673,amqp://rabbit-3:5672',
    BEANSTALKD_HOST: 'jobs-1,jobs-2:11301,[fd00::1]:80',
    BEANSTALKD_PORT: '11305',
  };
  const process = { name: 'posts', variables: ['AMQP_URL', 'BEANSTALKD_HOST'], callees: [] };
  const policy = networkPolicy(process, [], { processes: [], settings });
  const [, servers] = policy.spec.egress;
  expect(servers).toEqual({
    ports: [80, 5671, 5672, 5673, 11301, 11305].map((port) => ({ protocol: 'TCP', port })),
  });
});
