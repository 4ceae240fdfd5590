import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withIdentity } from './identity-file';

const before = process.cwd();
const folder = mkdtempSync(join(tmpdir(), 'rookery-identity-'));
const identities = join(folder, '.data', 'development', 'identities');

beforeAll(() => {
  mkdirSync(identities, { recursive: true });
  for (const name of ['gateway', 'media', 'media-worker', 'posts'])
    writeFileSync(join(identities, `${name}.env`), `SERVICE_KEY=key-of-${name}\nDB_USER=${name}\n`);
  process.chdir(folder);
});
afterAll(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true });
});

const keyOf = (main: string, source: NodeJS.ProcessEnv = {}) =>
  withIdentity(source, join(process.cwd(), main)).SERVICE_KEY;

test('a process started by hand takes its own file of the development system', () => {
  expect(keyOf('services/media/main.ts')).toBe('key-of-media');
  expect(keyOf('workers/media/main.ts')).toBe('key-of-media-worker');
  expect(keyOf('workers/posts/main.ts')).toBe('key-of-posts');
  expect(keyOf('gateway/main.ts')).toBe('key-of-gateway');
});

test('nothing is taken by programs without an identity, or where the system is not one for development', () => {
  for (const main of [
    'registry/main.ts',
    'services/chat/main.ts',
    'scripts/seed.ts',
    'elsewhere/gateway/main.ts',
  ])
    expect(keyOf(main)).toBeUndefined();
  for (const NODE_ENV of ['production', 'test'])
    expect(keyOf('services/media/main.ts', { NODE_ENV })).toBeUndefined();
});

test('the environment comes first, and names another file', () => {
  const main = join(process.cwd(), 'services/media/main.ts');
  expect(withIdentity({ DB_USER: 'somebody' }, main)).toMatchObject({
    DB_USER: 'somebody',
    SERVICE_KEY: 'key-of-media',
  });
  expect(keyOf('services/media/main.ts', { IDENTITY_FILE: join(identities, 'posts.env') })).toBe(
    'key-of-posts',
  );
});
