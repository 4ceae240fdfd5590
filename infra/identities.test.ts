import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnvironment } from '#kit/config/environment';
import { identityFields } from '#kit/config/fields';
import { withIdentity } from '#kit/config/identity-file';
import { openIdentity } from '#kit/core/identity';
import { prepareIdentities, processesWithIdentity } from './identities';

const folder = mkdtempSync(join(tmpdir(), 'rookery-identities-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const fileOf = (name: string) => join(folder, 'identities', `${name}.env`);
const prepare = (...names: string[]) =>
  prepareIdentities(join(folder, 'identities'), names, { servers: ['rabbitmq', 'mariadb'], isNew: true });

function opened(name: string) {
  const { values, problems } = parseEnvironment(
    identityFields,
    withIdentity({ IDENTITY_FILE: fileOf(name) }),
  );
  expect(problems).toEqual([]);
  return openIdentity(name, values);
}

test('each process has a file of its own, which others of the machine cannot read', () => {
  prepare('users', 'likes');
  expect(statSync(fileOf('users')).mode & 0o777).toBe(0o600);
  expect(statSync(join(folder, 'identities')).mode & 0o777).toBe(0o700);
  const [users, likes] = [opened('users'), opened('likes')];
  expect(users.name).toBe('users');
  expect(users.publicKeysOf('likes')[0]?.equals(likes.publicKeysOf('likes')[0] ?? users.privateKey)).toBe(
    true,
  );
  expect(readFileSync(fileOf('users'), 'utf8')).not.toContain(
    /^SERVICE_KEY=(.+)$/m.exec(readFileSync(fileOf('likes'), 'utf8'))?.[1] ?? '',
  );
});

test('an identity is kept, and learns of a process that is added', () => {
  const before = prepare('users', 'likes');
  expect(opened('users').publicKeysOf('bookmarks')).toEqual([]);
  expect(prepare('users', 'likes', 'bookmarks').slice(0, 2)).toEqual(before);
  expect(opened('users').publicKeysOf('bookmarks')).toHaveLength(1);
});

test('what the environment sets itself comes before the file', () => {
  prepare('users');
  expect(withIdentity({ IDENTITY_FILE: fileOf('users'), SERVICE_KEY: 'its own' }).SERVICE_KEY).toBe(
    'its own',
  );
});

test('every process of the Procfile but the registry and the servers has an identity', () => {
  const procfile = readFileSync(join(import.meta.dir, '..', 'Procfile'), 'utf8');
  const all = [...procfile.matchAll(/^([a-z-]+):/gm)].map(([, name]) => name);
  const without = ['infra', 'registry'];
  expect(processesWithIdentity(procfile)).toEqual(
    all.flatMap((name) => (name && !without.includes(name) ? name : [])),
  );
});
