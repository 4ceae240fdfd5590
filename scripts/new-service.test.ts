import { afterAll, beforeEach, expect, test } from 'bun:test';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createService, problemWithName } from './new-service';

const ROOT = join(import.meta.dir, '..');
const roots: string[] = [];
let root = '';

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'rookery-new-service-'));
  roots.push(root);
  mkdirSync(join(root, 'services', 'users'), { recursive: true });
  cpSync(join(ROOT, 'services/users/index.ts'), join(root, 'services/users/index.ts'));
  writeFileSync(
    join(root, 'Procfile'),
    'users: env PORT=5100 bun services/users/main.ts\nposts: env PORT=7101 bun workers/posts/main.ts\n',
  );
  writeFileSync(join(root, '.env.example'), 'HOST=127.0.0.1\n');
});

afterAll(() => {
  for (const each of roots) rmSync(each, { recursive: true });
});

const read = (path: string) => readFileSync(join(root, path), 'utf8');

test('a name that could not be a path, a database and a variable is refused', () => {
  for (const name of [
    '',
    'ab',
    'Bookmarks',
    'book_marks',
    '-books',
    'books-',
    'a--b',
    '../x',
    'a'.repeat(25),
  ])
    expect(problemWithName(root, name)).toContain('lower-case');
});

test('a name that is taken is refused: by a service, a process, a path or the project itself', () => {
  expect(problemWithName(root, 'users')).toContain('service users');
  expect(problemWithName(root, 'posts')).toContain('Procfile');
  expect(problemWithName(root, 'login')).toContain('services/users/index.ts');
  expect(problemWithName(root, 'metrics')).toContain('something else');
  expect(problemWithName(root, 'reading-list')).toBeUndefined();
});

test('a refused name changes nothing', () => {
  expect(() => createService(root, 'users')).toThrow('already');
  expect(readdirSync(join(root, 'services'))).toEqual(['users']);
  expect(read('Procfile')).not.toContain('6500');
});

test('nothing of the template’s name is left in a new service', () => {
  createService(root, 'reading-list');
  const files = readdirSync(join(root, 'services/reading-list'));
  expect(files).toContain('reading-list.test.ts');
  expect(files).toContain('migrations');
  for (const file of files.filter((each) => each.endsWith('.ts')))
    expect(read(`services/reading-list/${file}`)).not.toMatch(/example[-_]?items/i);
  expect(read('services/reading-list/main.ts')).toContain("import { readingList } from '.'");
  expect(read('services/reading-list/index.ts')).toContain("'/reading-list/:id'");
});

test('it is in the Procfile beside the other services, and in .env.example, on a port of its own', () => {
  expect(createService(root, 'bookmarks')).toBe(6500);
  expect(createService(root, 'reading-list')).toBe(6600);
  expect(read('Procfile').split('\n').slice(0, 4)).toEqual([
    'users: env PORT=5100 bun services/users/main.ts',
    'bookmarks: env PORT=6500 bun services/bookmarks/main.ts',
    'reading-list: env PORT=6600 bun services/reading-list/main.ts',
    'posts: env PORT=7101 bun workers/posts/main.ts',
  ]);
  expect(read('services/reading-list/main.ts')).toContain('serviceFields(6600)');
  expect(read('.env.example')).toContain('READING_LIST_DB_NAME=rookery_reading_list\n');
});
