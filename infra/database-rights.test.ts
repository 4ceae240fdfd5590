import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Connection, createConnection } from 'mysql2/promise';
import { createLogger } from '#kit/core/log';
import { migrateDatabase } from '#kit/mysql/migrations';
import { type Stack, startStack } from './stack';

const folder = mkdtempSync(join(tmpdir(), 'rookery-databases-'));
const options = {
  folder,
  profile: 'development',
  portOffset: 13_200,
  only: ['mariadb'],
  source: {},
} as const;
let stack: Stack;

beforeAll(async () => {
  stack = await startStack(options);
}, 240_000);
afterAll(async () => {
  await stack?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function addressOf(process: string) {
  const text = readFileSync(stack.identityFile(process), 'utf8');
  const setting = (name: string) => new RegExp(`^${name}=(.+)$`, 'm').exec(text)?.[1] ?? '';
  return {
    host: '127.0.0.1',
    port: Number(stack.environment.DB_PORT),
    user: setting('DB_USER'),
    password: setting('DB_PASSWORD'),
  };
}

async function migrate(service: string, database: string): Promise<Connection> {
  const address = { ...addressOf(service), database };
  const log = await createLogger({ name: service, level: 'silent' });
  const migrations = join(import.meta.dir, '..', 'services', service, 'migrations');
  await migrateDatabase({ address, folder: migrations, log, signal: AbortSignal.timeout(120_000) });
  return createConnection(address);
}

test('a service creates, migrates and uses its own database, and reaches no other', async () => {
  const users = await migrate('users', 'microblog_users');
  const mail = await migrate('mail', 'rookery_mail');
  const refused = [
    'select * from microblog_users.users',
    'create database rookery_mine',
    'create table rookeryXmail.t (n int)',
    'create database rookeryXmail',
    "create user spy identified by 'spy'",
    "grant all on rookery_mail.* to 'users'@'%'",
    'drop database microblog_users',
    'select * from mysql.global_priv',
    "select 1 into outfile '/tmp/never-written'",
  ];
  for (const statement of refused) await expect(mail.query(statement), statement).rejects.toThrow(/denied/);
  await expect(users.query('select * from rookery_mail.mails')).rejects.toThrow(/denied/);
  await Promise.all([users.end(), mail.end()]);
}, 120_000);

test('a process without a database has no user, and no well-known password opens one', async () => {
  const wrong = [
    addressOf('posts'),
    { ...addressOf('users'), user: 'rookery', password: 'rookery-development' },
  ];
  for (const address of wrong) await expect(createConnection(address)).rejects.toThrow(/denied/);
  const { DB_USER: user = '', DB_PASSWORD: password = '' } = stack.environment;
  const operator = await createConnection({ ...addressOf('users'), user, password });
  await operator.query('select count(*) from microblog_users.users');
  const refused = [
    "create user spy identified by 'spy'",
    "grant all on microblog_users.* to 'mail'@'%'",
    'select * from mysql.global_priv',
    'create database elsewhere',
  ];
  for (const statement of refused)
    await expect(operator.query(statement), statement).rejects.toThrow(/denied/);
  await operator.end();
});
