import { expect, test } from 'bun:test';
import { brokerUsers } from './broker-definitions';

const passwords = new Proxy<NodeJS.ProcessEnv>({}, { get: (_, name) => `the password of ${String(name)}` });

test('every process that connects to RabbitMQ has a user of its own', () => {
  const { processes, operators } = brokerUsers(passwords);
  expect(processes).toContainEqual({
    name: 'mail-worker',
    password: 'the password of MAIL_WORKER_AMQP_PASSWORD',
  });
  expect(processes.map(({ name }) => name)).not.toContain('posts');
  expect(operators).toEqual([{ name: 'rookery', password: 'the password of AMQP_PASSWORD' }]);
});

test('a missing or well-known password is named, and printed nowhere', () => {
  const source = { AMQP_PASSWORD: 'rookery-development' };
  expect(() => brokerUsers(source)).toThrow(/USERS_AMQP_PASSWORD.*[, ]AMQP_PASSWORD$/);
  expect(() => brokerUsers(source)).not.toThrow(/rookery-development/);
});
