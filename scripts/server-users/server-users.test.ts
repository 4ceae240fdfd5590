import { afterAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from 'redis';
import { systemProgram } from '../../infra/programs';
import { eventually } from '../../tests/support/eventually';
import processesOf from './processes.json';
import { serverUsers } from './users';

const passwords = new Proxy<NodeJS.ProcessEnv>({}, { get: (_, name) => `the password of ${String(name)}` });
const folder = mkdtempSync(join(tmpdir(), 'rookery-users-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The program as the image runs it: without a network, and with no other variables. */
function run(args: readonly string[], environment: NodeJS.ProcessEnv) {
  const { exitCode, stdout, stderr } = Bun.spawnSync(
    [process.execPath, join(import.meta.dir, 'main.ts'), ...args],
    { env: { PATH: process.env.PATH, ...environment }, cwd: '/' },
  );
  return { exitCode, output: stdout.toString(), errors: stderr.toString() };
}

describe('RabbitMQ', () => {
  test('has a user for every process that connects to it, and the operator', () => {
    const { users } = JSON.parse(serverUsers('rabbitmq', passwords)) as {
      users: { name: string; tags: string }[];
    };
    expect(users.map(({ name }) => name)).toEqual(['rookery', ...processesOf.rabbitmq]);
    expect(users.filter(({ tags }) => tags !== '').map(({ name }) => name)).toEqual(['rookery']);
    expect(processesOf.rabbitmq).toContain('mail-worker');
    expect(processesOf.rabbitmq).not.toContain('posts');
  });
});

test('a missing or well-known password is named, and printed nowhere', () => {
  const environment = { AMQP_PASSWORD: 'rookery-development', USERS_AMQP_PASSWORD: 'a password of sixteen' };
  const { exitCode, output, errors } = run(['rabbitmq'], environment);
  expect([exitCode, output]).toEqual([78, '']);
  expect(errors).toMatch(/MAIL_WORKER_AMQP_PASSWORD.*, AMQP_PASSWORD$/m);
  expect(errors).not.toMatch(/rookery-development|a password of sixteen|USERS_AMQP/);
  expect(run(['mysql'], {}).exitCode).toBe(64);
});

describe('Redis', () => {
  const file = join(folder, 'users.acl');
  const socket = join(folder, 'redis.sock');

  const connect = (username: string, password = `${username}'s password, of a test`) =>
    createClient({
      socket: { path: socket, tls: false, reconnectStrategy: false },
      username,
      password,
      disableOfflineQueue: true,
    })
      .on('error', () => undefined)
      .connect();

  test('lets each process reach its own keys and channels, and nobody the rest', async () => {
    const variableOf = (name: string) => `${name.toUpperCase()}_REDIS_PASSWORD`;
    const environment = Object.fromEntries(
      processesOf.redis.map((name) => [variableOf(name), `${name}'s password, of a test`]),
    );
    const { exitCode, errors } = run(['redis', file], {
      ...environment,
      REDIS_PASSWORD: "rookery's password, of a test",
    });
    expect([exitCode, errors]).toEqual([0, '']);
    expect(readFileSync(file, 'utf8')).not.toContain('of a test');
    const server = Bun.spawn(
      [
        systemProgram('redis-server', 'redis-server'),
        ...['--port', '0', '--unixsocket', socket, '--dir', folder, '--aclfile', file, '--save', ''],
      ],
      { stdout: 'ignore', stderr: 'ignore' },
    );
    try {
      const operator = await eventually(() => connect('rookery'));
      await operator.set('gateway:rate', '1');
      for (const name of processesOf.redis) {
        const own = name === 'registry' ? 'rookery:registry:records' : `${name}:key`;
        const client = await connect(name);
        await client.set(own, '1');
        await client.publish(name === 'registry' ? 'rookery:registry' : `${name}:channel`, '1');
        const others = ['elsewhere', ...processesOf.redis.filter((other) => other !== name)];
        for (const other of others)
          await expect(client.get(`${other}:key`), `${name} ${other}`).rejects.toThrow(/NOPERM/);
        for (const command of [
          ['KEYS', '*'],
          ['FLUSHALL'],
          ['CONFIG', 'GET', '*'],
          ['ACL', 'LIST'],
          ['PUBLISH', 'x', '1'],
        ])
          await expect(client.sendCommand(command), `${name} ${command[0]}`).rejects.toThrow(/NOPERM/);
        client.destroy();
      }
      operator.destroy();
      await expect(connect('gateway', "rookery's password, of a test")).rejects.toThrow(/WRONGPASS/);
      await expect(connect('default', '')).rejects.toThrow(/WRONGPASS|NOAUTH/);
    } finally {
      server.kill();
      await server.exited;
    }
  });
});
